#include "model_spec.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "egaze/error.hpp"
#include "json.hpp"

namespace egaze::detail {
namespace {

constexpr double kMaxSidePx = 4096;
constexpr std::size_t kMaxClasses = 4096;
constexpr std::size_t kMaxTextBytes = 256;
constexpr double kMaxThreshold = 2.0;

// Whether a valid UTF-8 text can be printed on one line of a terminal without side effects: it has no control character
// (C0, DEL, C1), no line or paragraph separator, and no character that changes the direction of writing.
bool is_plain(std::string_view text) {
  constexpr std::string_view kReversing[] = {"\xe2\x80\xa8", "\xe2\x80\xa9",                  // U+2028, U+2029
                                             "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac",  // U+202A to U+202E
                                             "\xe2\x80\xad", "\xe2\x80\xae", "\xe2\x81\xa6",
                                             "\xe2\x81\xa7", "\xe2\x81\xa8",  // U+2066 to U+2069
                                             "\xe2\x81\xa9"};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return false;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
    if (byte == 0xE2 && std::ranges::find(kReversing, text.substr(i, 3)) != std::end(kReversing)) return false;
  }
  return true;
}

// The fields of the spec, with errors that name the field.
class Fields {
 public:
  Fields(const std::string& path, const JsonObject& object) : path_(path), object_(object) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::model_spec, path_ + ": its egaze_spec.json " + what);
  }

  const JsonValue& at(const std::string& key) const {
    const auto entry = std::ranges::find(object_, key, [](const auto& e) -> const std::string& { return e.key; });
    if (entry == object_.end()) fail("lacks \"" + key + "\"");
    return entry->value;
  }

  const std::string& text(const std::string& key) const {
    const auto* value = at(key).as<std::string>();
    if (value == nullptr) fail("has a \"" + key + "\" that is not a text");
    require_plain(key, *value);
    return *value;
  }

  bool flag(const std::string& key) const {
    const auto* value = at(key).as<bool>();
    if (value == nullptr) fail("has a \"" + key + "\" that is neither true nor false");
    return *value;
  }

  // A whole number from 1 to `largest`, written without a decimal point or an exponent: 224, not 224.0 or 2.24e2.
  std::size_t count(const std::string& key, double largest) const {
    const JsonValue& number = at(key);
    const auto* value = number.as<double>();
    if (value == nullptr || !number.is_integer || *value < 1 || *value > largest) {
      fail("has a \"" + key + "\" that is not a whole number from 1 to " + std::to_string(static_cast<long>(largest)));
    }
    return static_cast<std::size_t>(*value);
  }

  template <class Enum>
  Enum choice(const std::string& key, std::initializer_list<std::pair<const char*, Enum>> choices) const {
    std::string known;
    for (const auto& [name, value] : choices) {
      if (text(key) == name) return value;
      known += known.empty() ? "" : ", ";
      known += name;
    }
    fail("has a \"" + key + "\" that is not one of " + known);
  }

  std::string digest(const std::string& key) const {
    const std::string& value = text(key);
    if (value.size() != 64 || value.find_first_not_of("0123456789abcdef") != std::string::npos) {
      fail("has a \"" + key + "\" that is not a SHA-256 in lower-case hexadecimal digits");
    }
    return value;
  }

  std::vector<std::string> names(const std::string& key) const {
    const auto* array = at(key).as<JsonArray>();
    if (array == nullptr || array->empty() || array->size() > kMaxClasses)
      fail("has a \"" + key + "\" that is not a list of 1 to " + std::to_string(kMaxClasses) + " texts");
    std::vector<std::string> names;
    for (const JsonValue& value : *array) {
      const auto* name = value.as<std::string>();
      if (name == nullptr || name->empty() || std::ranges::find(names, *name) != names.end()) {
        fail("has \"" + key + "\" that are not texts, or are empty or repeated");
      }
      require_plain(key, *name);
      names.push_back(*name);
    }
    return names;
  }

  // Nothing, or a number or null for each class.
  std::vector<std::optional<double>> thresholds(const std::string& key, std::size_t classes) const {
    const auto* array = at(key).as<JsonArray>();
    if (array == nullptr || (!array->empty() && array->size() != classes)) {
      fail("holds no list of \"" + key + "\", empty or with one item for each class");
    }
    std::vector<std::optional<double>> found;
    for (const JsonValue& value : *array) {
      const auto* number = value.as<double>();
      const bool is_none = value.as<std::nullptr_t>() != nullptr;
      // One just above 1 is that of a class which validation never calls present.
      if (!is_none && (number == nullptr || !(*number >= 0.0 && *number <= kMaxThreshold))) {
        fail("holds \"" + key + "\" that are neither null nor numbers from 0 to 2");
      }
      found.push_back(is_none ? std::nullopt : std::optional(*number));
    }
    return found;
  }

 private:
  void require_plain(const std::string& key, const std::string& text) const {
    if (text.size() > kMaxTextBytes) {
      fail("has a \"" + key + "\" of more than " + std::to_string(kMaxTextBytes) + " bytes");
    }
    if (!is_plain(text)) {
      fail("has a \"" + key +
           "\" with a control character, a line break or a character that changes the direction of writing");
    }
  }

  const std::string& path_;
  const JsonObject& object_;
};

}  // namespace

ModelSpec parse_model_spec(const std::string& path, std::string_view json) {
  JsonValue root;
  try {
    root = parse_json(json);
  } catch (const JsonError& error) {
    throw Error(ErrorCode::model_spec, path + ": its egaze_spec.json is damaged: " + error.what());
  }
  const auto* object = root.as<JsonObject>();
  if (object == nullptr) throw Error(ErrorCode::model_spec, path + ": its egaze_spec.json is not a JSON object");
  const Fields fields(path, *object);

  ModelSpec spec;
  // The version is checked first, because all other fields may differ between versions.
  spec.format_version = static_cast<int>(fields.count("format_version", 1e6));
  if (spec.format_version < kOldestModelFormatVersion || spec.format_version > kModelFormatVersion) {
    const bool older = spec.format_version < kOldestModelFormatVersion;
    throw Error(ErrorCode::model_version,
                path + ": format version " + std::to_string(spec.format_version) + ", this egaze reads versions " +
                    std::to_string(kOldestModelFormatVersion) + " to " + std::to_string(kModelFormatVersion) +
                    (older ? ": export the run again" : ": it was exported by a newer egaze"));
  }
  spec.egaze_version = fields.text("egaze_version");
  spec.torch_version = fields.text("torch_version");
  spec.recipe = fields.text("recipe");
  spec.precision = fields.choice<std::string>("precision", {{"fp32", "fp32"}, {"bf16", "bf16"}});
  spec.presentation = fields.choice<Presentation>(
      "presentation",
      {{"voi", Presentation::voi}, {"raw-max", Presentation::raw_max}, {"equalize", Presentation::equalize}});
  spec.fit = fields.choice<Fit>("fit", {{"stretch", Fit::stretch}, {"letterbox", Fit::letterbox}});
  spec.canvas_height_px = fields.count("canvas_height_px", kMaxSidePx);
  spec.canvas_width_px = fields.count("canvas_width_px", kMaxSidePx);
  spec.input_height_px = fields.count("input_height_px", kMaxSidePx);
  spec.input_width_px = fields.count("input_width_px", kMaxSidePx);
  spec.class_names = fields.names("class_names");
  spec.label_kind =
      fields.choice<std::string>("label_kind", {{"exclusive", "exclusive"}, {"independent", "independent"}});
  spec.heatmap_head = fields.flag("heatmap_head");
  spec.class_heatmaps = spec.format_version > kOldestModelFormatVersion && fields.flag("class_heatmaps");
  if (spec.class_heatmaps && !spec.heatmap_head) fields.fail("has \"class_heatmaps\", but no \"heatmap_head\"");
  spec.training_split_sha256 = fields.text("training_split_sha256");
  spec.class_probs = fields.choice<std::string>("class_probs", {{"softmax", "softmax"}, {"sigmoid", "sigmoid"}});
  if (spec.label_kind == "independent" && spec.class_probs != "sigmoid") {
    fields.fail("holds a \"class_probs\" that independent classes cannot have: " + spec.class_probs);
  }
  spec.thresholds = fields.thresholds("thresholds", spec.class_names.size());
  spec.threshold_rule = fields.text("threshold_rule");
  if (spec.threshold_rule.empty() != spec.thresholds.empty()) {
    fields.fail("holds \"thresholds\" without a \"threshold_rule\", or the rule without them");
  }
  spec.model_sha256 = fields.digest("model_sha256");
  return spec;
}

}  // namespace egaze::detail
