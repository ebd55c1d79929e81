"""CITATION.cff is valid by the rules of the Citation File Format 1.2.0, and agrees with the package."""

import re
import sys
from pathlib import Path

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

REQUIRED = {"authors", "cff-version", "message", "title"}
OPTIONAL = {
    *("abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url"),
    *("preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url"),
    "version",
}
# Of a reference, those that this file may use.
OF_REFERENCES = {
    *("abstract", "authors", "collection-title", "date-published", "doi", "end", "identifiers", "issue", "journal"),
    *("month", "notes", "publisher", "start", "title", "type", "url", "volume", "year"),
}
OF_PERSONS = {"affiliation", "email", "family-names", "given-names", "name-particle", "name-suffix", "orcid", "website"}
OF_ENTITIES = {"email", "location", "name", "orcid", "website"}


def require_authors(authors):
    assert authors
    for author in authors:
        assert set(author) <= OF_PERSONS or ("name" in author and set(author) <= OF_ENTITIES), author
        assert all(isinstance(value, str) and value for value in author.values())


def test_the_file_has_the_keys_of_the_format():
    assert REQUIRED <= set(CITATION) <= REQUIRED | OPTIONAL
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] in ("software", "dataset")
    assert all(isinstance(CITATION[name], str) for name in ("message", "title", "abstract", "license"))
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"]) > 0
    require_authors(CITATION["authors"])


def test_the_references_have_the_keys_of_the_format():
    for reference in CITATION["references"]:
        assert {"authors", "title", "type"} <= set(reference) <= OF_REFERENCES
        assert reference["type"] == "article" and isinstance(reference["year"], int)
        require_authors(reference["authors"])
        for identifier in reference.get("identifiers", ()):
            assert set(identifier) <= {"type", "value", "description"}
            assert identifier["type"] in ("doi", "url", "swh", "other")
        assert re.fullmatch(r"10\.\d{4,9}(\.\d+)?/\S+", reference.get("doi", "10.1234/none"))


def test_it_cites_the_software_as_itself_and_the_paper_as_a_reference():
    assert (CITATION["title"], CITATION["license"]) == (PROJECT["name"], PROJECT["license"])
    assert str(CITATION["version"]) == PROJECT["version"]
    assert "preferred-citation" not in CITATION
    paper = CITATION["references"][0]
    assert paper["url"] == PROJECT["urls"]["Paper"] and paper["identifiers"][0]["value"] == "arXiv:2207.00157"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    flat = " ".join(readme.split()).lower()
    for reference in CITATION["references"]:
        assert " ".join(reference["title"].split()).lower() in flat
