#include "json.hpp"

#include <string>

#include "check.hpp"

using namespace egaze::detail;

namespace {

std::string text_of(std::string_view json) {
  const JsonValue value = parse_json(json);
  const auto* text = value.as<std::string>();
  return text == nullptr ? "not a text" : *text;
}

double number_of(std::string_view json) {
  const JsonValue value = parse_json(json);
  const auto* number = value.as<double>();
  return number == nullptr ? NAN : *number;
}

void test_values() {
  const JsonValue value = parse_json(" {\"a\": [1, -2.5e3, true, false, null], \"b\": {}} \n");
  const auto* object = value.as<JsonObject>();
  CHECK(object != nullptr && object->size() == 2 && (*object)[0].first == "a");
  const auto* array = (*object)[0].second.as<JsonArray>();
  CHECK(array != nullptr && array->size() == 5);
  CHECK(*(*array)[1].as<double>() == -2500.0);
  CHECK(*(*array)[2].as<bool>());
  CHECK((*array)[4].as<std::nullptr_t>() != nullptr);
  CHECK(number_of("0") == 0.0 && number_of("-0.5") == -0.5 && number_of("1E+2") == 100.0);
}

void test_strings() {
  CHECK(text_of(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
  CHECK(text_of(R"("\u00e9\u20ac\ud83e\ude7b")") == "\xc3\xa9\xe2\x82\xac\xf0\x9f\xa9\xbb");
  CHECK(text_of("\"\xc3\xa9\xf0\x9f\xa9\xbb\"") == "\xc3\xa9\xf0\x9f\xa9\xbb");
  CHECK(text_of("\"\"").empty());
}

void test_hostile_texts_throw() {
  for (const char* text :
       {"", " ", "{", "[", "\"", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "[1,]", "[1 2]", "{a:1}", "{'a':1}",
        "{\"a\":1,\"a\":2}", "tru", "nulll", "NaN", "Infinity", "01", "-", "1.", ".5", "1e", "1e+", "0x10", "1e999",
        "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\n\"", "\"\xff\"",
        "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\xe2\x82", "1 2", "// 1"}) {
    CHECK_THROWS(JsonError, "at byte", parse_json(text));
  }
  CHECK_THROWS(JsonError, "at byte", parse_json(std::string_view("\"a\0b\"", 5)));
}

void test_limits() {
  const std::string nested(100000, '[');
  CHECK_THROWS(JsonError, "nesting", parse_json(nested));
  CHECK_THROWS(JsonError, "at most", parse_json(std::string(kMaxJsonBytes + 1, ' ')));
  std::string keys = "{\"k\":0";
  for (std::size_t i = 0; i < kMaxJsonKeys; ++i) keys += ",\"" + std::to_string(i) + "\":0";
  CHECK_THROWS(JsonError, "keys", parse_json(keys + "}"));
}

}  // namespace

int main() {
  test_values();
  test_strings();
  test_hostile_texts_throw();
  test_limits();
  return check::result();
}
