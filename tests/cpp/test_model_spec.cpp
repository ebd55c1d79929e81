#include "model_spec.hpp"

#include <string>

#include "check.hpp"
#include "egaze/error.hpp"

using namespace egaze;

namespace {

const std::string kDigest(64, 'a');

// A good spec, with one part of its text replaced.
std::string spec_text(const std::string& part = "", const std::string& by = "") {
  std::string text =
      R"({"format_version":1,"egaze_version":"0.1.0","torch_version":"2.14.1","recipe":"joint","precision":"fp32",)"
      R"("presentation":"raw-max","fit":"letterbox","input_height_px":224,"input_width_px":160,)"
      R"("class_names":["normal","chf"],"heatmap_head":false,)"
      R"("training_split_sha256":"x","later":[{}],"model_sha256":")" +
      kDigest + "\"}";
  if (const std::size_t at = text.find(part); !part.empty() && at != std::string::npos) {
    text.replace(at, part.size(), by);
  }
  return text;
}

ModelSpec parsed(const std::string& text) { return detail::parse_model_spec("m.pt", text); }

}  // namespace

int main() {
  const ModelSpec spec = parsed(spec_text());
  CHECK(spec.format_version == 1 && spec.recipe == "joint" && spec.precision == "fp32");
  CHECK(spec.presentation == Presentation::raw_max && spec.fit == Fit::letterbox);
  CHECK(spec.input_height_px == 224 && spec.input_width_px == 160);
  CHECK(spec.class_names == (std::vector<std::string>{"normal", "chf"}));
  CHECK(!spec.heatmap_head);
  CHECK(spec.model_sha256 == kDigest && spec.egaze_version == "0.1.0" && spec.torch_version == "2.14.1");

  CHECK_THROWS(Error, "m.pt: format version 2", parsed(spec_text("\"format_version\":1", "\"format_version\":2")));
  CHECK_THROWS(Error, "format_version", parsed(spec_text("\"format_version\":1", "\"format_version\":\"1\"")));
  CHECK_THROWS(Error, "format_version", parsed("{}"));
  CHECK_THROWS(Error, "no JSON object", parsed("[]"));
  CHECK_THROWS(Error, "damaged", parsed("{"));
  for (const char* side : {"0", "-1", "4097", "1.5", "1e300", "\"224\"", "null"}) {
    CHECK_THROWS(Error, "input_height_px", parsed(spec_text(":224", std::string(":") + side)));
  }
  CHECK_THROWS(Error, "class_names", parsed(spec_text("[\"normal\",\"chf\"]", "[]")));
  CHECK_THROWS(Error, "class_names", parsed(spec_text("[\"normal\",\"chf\"]", "[\"a\",\"a\"]")));
  CHECK_THROWS(Error, "class_names", parsed(spec_text("[\"normal\",\"chf\"]", "[1]")));
  CHECK_THROWS(Error, "voi, raw-max, equalize", parsed(spec_text("raw-max", "raw")));
  CHECK_THROWS(Error, "heatmap_head", parsed(spec_text("false", "0")));
  CHECK_THROWS(Error, "\"fit\"", parsed(spec_text("letterbox", "crop")));
  CHECK_THROWS(Error, "lacks \"recipe\"", parsed(spec_text("\"recipe\"", "\"receipt\"")));
  CHECK_THROWS(Error, "model_sha256", parsed(spec_text(kDigest, kDigest + "a")));
  CHECK_THROWS(Error, "model_sha256", parsed(spec_text(kDigest, std::string(64, 'A'))));
  return check::result();
}
