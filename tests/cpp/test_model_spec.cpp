#include "model_spec.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "egaze/error.hpp"
#include "expect_throws.hpp"

using namespace egaze;

namespace {

const std::string kDigest(64, 'a');

// A valid spec in which one part of the text is replaced.
std::string spec_text(const std::string& part = "", const std::string& by = "") {
  std::string text =
      R"({"format_version":4,"egaze_version":"0.1.0","torch_version":"2.14.1","recipe":"joint","precision":"fp32",)"
      R"("presentation":"raw-max","fit":"letterbox","canvas_height_px":512,"canvas_width_px":300,"input_height_px":224,"input_width_px":160,)"
      R"("class_names":["normal","chf"],"heatmap_head":false,)"
      R"("label_kind":"independent","threshold_rule":"Youden","thresholds":[0.25,null],)"
      R"("class_probs":"sigmoid","training_split_sha256":"x","later":[{}],"model_sha256":")" +
      kDigest + "\"}";
  if (const std::size_t at = text.find(part); !part.empty() && at != std::string::npos) {
    text.replace(at, part.size(), by);
  }
  return text;
}

ModelSpec parsed(const std::string& text) { return detail::parse_model_spec("m.pt", text); }

}  // namespace

TEST(ModelSpec, ParsesValidSpecsAndRefusesOthers) {
  const ModelSpec spec = parsed(spec_text());
  EXPECT_EQ(spec.format_version, 4);
  EXPECT_EQ(spec.recipe, "joint");
  EXPECT_EQ(spec.precision, "fp32");
  EXPECT_EQ(spec.class_probs, "sigmoid");
  EXPECT_EQ(spec.label_kind, "independent");
  EXPECT_EQ(spec.threshold_rule, "Youden");
  EXPECT_EQ(spec.thresholds, (std::vector<std::optional<double>>{0.25, std::nullopt}));
  EXPECT_EQ(spec.presentation, Presentation::raw_max);
  EXPECT_EQ(spec.fit, Fit::letterbox);
  EXPECT_EQ(spec.canvas_height_px, 512);
  EXPECT_EQ(spec.canvas_width_px, 300);
  EXPECT_EQ(spec.input_height_px, 224);
  EXPECT_EQ(spec.input_width_px, 160);
  EXPECT_EQ(spec.class_names, (std::vector<std::string>{"normal", "chf"}));
  EXPECT_FALSE(spec.heatmap_head);
  EXPECT_EQ(spec.model_sha256, kDigest);
  EXPECT_EQ(spec.egaze_version, "0.1.0");
  EXPECT_EQ(spec.torch_version, "2.14.1");

  EXPECT_THROWS(Error, "m.pt: format version 1", parsed(spec_text("\"format_version\":4", "\"format_version\":1")));
  EXPECT_THROWS(Error, "this egaze reads versions 4 to 5: export the run again",
                parsed(spec_text("\"format_version\":4", "\"format_version\":3")));
  EXPECT_THROWS(Error, "m.pt: format version 6", parsed(spec_text("\"format_version\":4", "\"format_version\":6")));
  EXPECT_THROWS(Error, "format_version", parsed(spec_text("\"format_version\":4", "\"format_version\":\"4\"")));
  EXPECT_THROWS(Error, "fp32, bf16", parsed(spec_text("\"precision\":\"fp32\"", "\"precision\":\"fp8\"")));
  EXPECT_THROWS(Error, "format_version", parsed("{}"));
  EXPECT_THROWS(Error, "not a JSON object", parsed("[]"));
  EXPECT_THROWS(Error, "damaged", parsed("{"));
  for (const char* side : {"0", "-1", "4097", "224.0", "2.24e2", "224e0", "1.5", "1e300", "\"224\"", "null"}) {
    EXPECT_THROWS(Error, "input_height_px", parsed(spec_text(":224", std::string(":") + side)));
    EXPECT_THROWS(Error, "canvas_height_px", parsed(spec_text(":512", std::string(":") + side)));
  }
  EXPECT_THROWS(Error, "class_names", parsed(spec_text("[\"normal\",\"chf\"]", "[]")));
  EXPECT_THROWS(Error, "class_names", parsed(spec_text("[\"normal\",\"chf\"]", "[\"a\",\"a\"]")));
  EXPECT_THROWS(Error, "class_names", parsed(spec_text("[\"normal\",\"chf\"]", "[1]")));
  for (const char* sign :
       {"\\u0000", "\\n", "\\u001b[2J", "\x7f", "\xc2\x9b", "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6"}) {
    EXPECT_THROWS(Error, "control character", parsed(spec_text("normal", sign)));
    EXPECT_THROWS(Error, "control character", parsed(spec_text("joint", sign)));
  }
  EXPECT_EQ(parsed(spec_text("normal", "\xc3\xa9\xc2\xa0\xe2\x80\x93")).class_names.front(),
            "\xc3\xa9\xc2\xa0\xe2\x80\x93");
  EXPECT_THROWS(Error, "256 bytes", parsed(spec_text("joint", std::string(257, 'a'))));
  EXPECT_THROWS(Error, "voi, raw-max, equalize", parsed(spec_text("raw-max", "raw")));
  EXPECT_THROWS(Error, "heatmap_head", parsed(spec_text("false", "0")));
  EXPECT_THROWS(Error, "exclusive, independent", parsed(spec_text("independent", "several")));
  EXPECT_THROWS(Error, "independent classes cannot have: softmax", parsed(spec_text("sigmoid", "softmax")));
  for (const char* wrong : {"[0.25]", "[0.25,-0.1]", "[0.25,2.5]", "[0.25,\"a\"]", "[0.25,1e300]", "0.25", "null"}) {
    EXPECT_THROWS(Error, "thresholds", parsed(spec_text("[0.25,null]", wrong)));
  }
  EXPECT_THROWS(Error, "\"threshold_rule\"", parsed(spec_text("[0.25,null]", "[]")));
  EXPECT_THROWS(Error, "\"threshold_rule\"", parsed(spec_text("\"Youden\"", "\"\"")));
  EXPECT_THROWS(Error, "\"fit\"", parsed(spec_text("letterbox", "crop")));
  EXPECT_THROWS(Error, "lacks \"recipe\"", parsed(spec_text("\"recipe\"", "\"receipt\"")));
  EXPECT_THROWS(Error, "model_sha256", parsed(spec_text(kDigest, kDigest + "a")));
  EXPECT_THROWS(Error, "model_sha256", parsed(spec_text(kDigest, std::string(64, 'A'))));
}

TEST(ModelSpec, ClassHeatmapsAreOfTheNewestVersion) {
  const auto with = [](const char* version, const char* heatmap_head, const char* class_heatmaps) {
    const std::string flags = std::string("\"heatmap_head\":") + heatmap_head + class_heatmaps;
    const std::string text = spec_text("\"heatmap_head\":false", flags);
    return std::string(text).replace(text.find(":4") + 1, 1, version);
  };
  EXPECT_TRUE(parsed(with("5", "true", ",\"class_heatmaps\":true")).class_heatmaps);
  EXPECT_FALSE(parsed(with("5", "true", ",\"class_heatmaps\":false")).class_heatmaps);
  EXPECT_FALSE(parsed(with("4", "true", "")).class_heatmaps);
  EXPECT_FALSE(parsed(with("4", "true", ",\"class_heatmaps\":true")).class_heatmaps);
  EXPECT_THROWS(Error, "lacks \"class_heatmaps\"", parsed(with("5", "true", "")));
  EXPECT_THROWS(Error, "neither true nor false", parsed(with("5", "true", ",\"class_heatmaps\":1")));
  EXPECT_THROWS(Error, "has \"class_heatmaps\", but no \"heatmap_head\"",
                parsed(with("5", "false", ",\"class_heatmaps\":true")));
}
