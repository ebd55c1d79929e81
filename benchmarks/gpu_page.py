"""The page of text of gpu.py, and its headline, from what the sections have measured."""

from __future__ import annotations

from typing import Any

from harness import machine


def headline(details: dict[str, Any]) -> dict[str, float]:
    """The figures that a README would quote, as far as they were measured."""
    found: dict[str, float] = {}
    loader, prediction, training = (_measured(details, name) for name in ("loader", "prediction", "training"))
    if "rates" in loader:
        found["loader_samples_per_s"] = loader["rates"]["samples_per_s"]["ours"]
        found |= {f"loader_{name}": loader["rates"][name] for name in ("vs_dataloader", "vs_dataloader_packed")}
    if "copies" in loader:
        found["copy_hidden"] = round(loader["copies"]["copy_hidden"], 3)
    if "batch_1" in prediction:
        found |= {f"{name}_ms": value for name, value in prediction["batch_1"]["milliseconds"].items()}
    for group, result in training.items():
        if isinstance(result, dict) and "images_per_s" in result:
            found |= {f"{group}_{name}_images_per_s": value for name, value in result["images_per_s"].items()}
            found |= {f"{group}_{name}": value for name, value in result["ratios"].items()}
    return found


def page(device: dict[str, Any], details: dict[str, Any]) -> str:
    """One page: the machine, the figures of each section, and what was not run."""
    here = machine("torch")
    lines = ["egaze on a GPU", "", *(f"{name:<24}{value}" for name, value in device.items())]
    lines += [f"{'processor':<24}{here['processor']}, {here['processors']} processors"]
    lines += [f"{'torch':<24}{here['versions']['torch']}", f"{'egaze':<24}{here['versions']['egaze']} {here['commit']}"]
    if device["name"] == "cpu":
        lines += ["", "Tiny sizes on a CPU, to try the command itself: the figures mean nothing."]
    lines += [*_tests(details), *_loader(details), *_prediction(details), *_training(details)]
    for title, kind in (("Wrong", "wrong"), ("Not run", "not_run")):
        said = [f"  {name}, {what}: {why}" for name, section in details.items() for what, why in section[kind].items()]
        lines += ["", f"{title}: {len(said) or 'nothing'}", *said]
    return "\n".join(lines) + "\n"


def _tests(details: dict[str, Any]) -> list[str]:
    counts = _measured(details, "tests").get("tests")
    if counts is None:
        return []
    return ["", "Tests that need a GPU: " + ", ".join(f"{count} {name}" for name, count in counts.items())]


def _loader(details: dict[str, Any]) -> list[str]:
    measured, lines = _measured(details, "loader"), []
    if (rates := measured.get("rates")) is not None:
        lines += ["", "Augmented images and heatmaps into the device's memory, samples/s"]
        lines += [f"  {name:<28}{value:>12,.0f}" for name, value in rates["samples_per_s"].items()]
        lines += [f"  times as fast as DataLoader: {rates['vs_dataloader']}, packed: {rates['vs_dataloader_packed']}"]
    if (copies := measured.get("copies")) is not None:
        hidden = f"{copies['copy_hidden']:.0%} of a copy's time is hidden behind a step"
        lines += [f"  copies from pinned memory: {copies['copy_gb_per_s']:.1f} GB/s; {hidden}"]
    return lines


def _prediction(details: dict[str, Any]) -> list[str]:
    measured = _measured(details, "prediction")
    batches = [name for name in measured if "batch_" in name]
    names = list(dict.fromkeys(name for batch in batches for name in measured[batch]["milliseconds"]))
    if not names:
        return []
    lines = ["", "Prediction, ms a batch" + "".join(f"{batch.replace('_', ' '):>20}" for batch in batches)]
    for name in names:
        cells = (measured[batch]["milliseconds"].get(name) for batch in batches)
        lines.append(f"  {name:<20}" + "".join(f"{'-' if cell is None else cell:>20}" for cell in cells))
    return lines


def _training(details: dict[str, Any]) -> list[str]:
    measured, lines = _measured(details, "training"), []
    for group, result in measured.items():
        if not isinstance(result, dict):
            continue
        lines += ["", f"{'Training, ' + group:<44}{'images/s':>10}{'waiting':>10}{'memory, MB':>12}"]
        for name, rate in result["images_per_s"].items():
            of_side = group.removesuffix("_compiled").rpartition("_")[2] if name.startswith("baseline") else group
            memory = measured.get(f"{name}_{of_side.removesuffix('_compiled')}_memory_mb")
            said = "-" if memory is None else f"{memory:,.0f}"
            lines.append(f"  {name:<42}{rate:>10}{result['waiting_frac'][name]:>10.1%}{said:>12}")
        lines += [
            f"  {name.replace('_vs_', ', times as fast as ')}: {value}" for name, value in result["ratios"].items()
        ]
    return lines


def _measured(details: dict[str, Any], section: str) -> dict[str, Any]:
    return dict(details.get(section, {}).get("measured", {}))
