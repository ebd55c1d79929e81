#include "json.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "expect_throws.hpp"

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

TEST(Json, Values) {
  const JsonValue value = parse_json(" {\"a\": [1, -2.5e3, true, false, null], \"b\": {}} \n");
  const auto* object = value.as<JsonObject>();
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->size(), 2);
  EXPECT_EQ((*object)[0].key, "a");
  const auto* array = (*object)[0].value.as<JsonArray>();
  ASSERT_NE(array, nullptr);
  EXPECT_EQ(array->size(), 5);
  EXPECT_EQ(*(*array)[1].as<double>(), -2500.0);
  EXPECT_TRUE(*(*array)[2].as<bool>());
  EXPECT_NE((*array)[4].as<std::nullptr_t>(), nullptr);
  EXPECT_EQ(number_of("0"), 0.0);
  EXPECT_EQ(number_of("-0.5"), -0.5);
  EXPECT_EQ(number_of("1E+2"), 100.0);
}

TEST(Json, Strings) {
  EXPECT_TRUE(text_of(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(text_of(R"("\u00e9\u20ac\ud83e\ude7b")"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\xa9\xbb");
  EXPECT_EQ(text_of("\"\xc3\xa9\xf0\x9f\xa9\xbb\""), "\xc3\xa9\xf0\x9f\xa9\xbb");
  EXPECT_TRUE(text_of("\"\"").empty());
}

TEST(Json, IntegersAreWrittenAsIntegers) {
  for (const char* text : {"0", "-0", "7", "-12", "1234567890123456789"}) {
    EXPECT_TRUE(parse_json(text).is_integer) << text;
  }
  for (const char* text : {"224.0", "1e2", "1E2", "-0.0", "2.5", "true", "\"1\"", "[1]"}) {
    EXPECT_FALSE(parse_json(text).is_integer) << text;
  }
}

TEST(Json, HostileTextsThrow) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[",
                           "\"",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "[1,]",
                           "[1 2]",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":1,\"a\":2}",
                           "tru",
                           "nulll",
                           "NaN",
                           "Infinity",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "0x10",
                           "1e999",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\n\"",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xe2\x82\"",
                           "\"\xe2\x82",
                           "1 2",
                           "// 1"}) {
    EXPECT_THROWS(JsonError, "at byte", parse_json(text));
  }
  EXPECT_THROWS(JsonError, "at byte", parse_json(std::string_view("\"a\0b\"", 5)));
}

TEST(Json, Limits) {
  const std::string nested(100000, '[');
  EXPECT_THROWS(JsonError, "32 nested values", parse_json(nested));
  EXPECT_THROWS(JsonError, "at most", parse_json(std::string(kMaxJsonBytes + 1, ' ')));
  std::string keys = "{\"k\":0";
  for (std::size_t i = 0; i < kMaxJsonKeys; ++i) keys += ",\"" + std::to_string(i) + "\":0";
  EXPECT_THROWS(JsonError, "keys", parse_json(keys + "}"));
}

}  // namespace
