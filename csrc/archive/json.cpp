#include "json.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace egaze::detail {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  JsonValue document() {
    JsonValue value = read_value(0);
    skip_space();
    if (at_ != text_.size()) fail("the end of the text");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    throw JsonError("expected " + expected + " at byte " + std::to_string(at_));
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool accept_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  JsonValue read_value(int depth) {
    if (depth > kMaxJsonDepth) fail("at most " + std::to_string(kMaxJsonDepth) + " nested values");
    skip_space();
    if (accept('{')) return {read_object(depth)};
    if (accept('[')) return {read_array(depth)};
    if (accept('"')) return {read_string()};
    if (accept_word("true")) return {true};
    if (accept_word("false")) return {false};
    if (accept_word("null")) return {nullptr};
    return read_number();
  }

  JsonObject read_object(int depth) {
    JsonObject object;
    if (accept('}')) return object;
    do {
      if (!accept('"')) fail("a key");
      std::string key = read_string();
      if (object.size() == kMaxJsonKeys) fail("at most " + std::to_string(kMaxJsonKeys) + " keys");
      if (std::ranges::any_of(object, [&](const auto& entry) { return entry.key == key; }))
        fail("a key that does not occur twice");
      if (!accept(':')) fail("':'");
      object.push_back({std::move(key), read_value(depth + 1)});
    } while (accept(','));
    if (!accept('}')) fail("',' or '}'");
    return object;
  }

  JsonArray read_array(int depth) {
    JsonArray array;
    if (accept(']')) return array;
    do {
      array.push_back(read_value(depth + 1));
    } while (accept(','));
    if (!accept(']')) fail("',' or ']'");
    return array;
  }

  std::size_t skip_digits() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ - begin;
  }

  JsonValue read_number() {
    const std::size_t begin = at_;
    bool is_integer = true;
    accept_word("-");
    const bool leading_zero = at_ < text_.size() && text_[at_] == '0';
    const std::size_t digits = skip_digits();
    if (digits == 0 || (leading_zero && digits > 1)) fail("a value");
    if (accept_word(".")) {
      is_integer = false;
      if (skip_digits() == 0) fail("a digit");
    }
    if (accept_word("e") || accept_word("E")) {
      is_integer = false;
      if (!accept_word("+")) accept_word("-");
      if (skip_digits() == 0) fail("a digit");
    }
    double number = 0.0;
    const auto result = std::from_chars(text_.data() + begin, text_.data() + at_, number);
    if (result.ec != std::errc()) fail("a number in the range of a double");
    return {number, is_integer};
  }

  std::uint32_t read_hex4() {
    std::uint32_t code = 0;
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + std::min(at_ + 4, text_.size());
    const auto result = std::from_chars(begin, end, code, 16);
    if (result.ec != std::errc() || result.ptr != begin + 4) fail("4 hexadecimal digits");
    at_ += 4;
    return code;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | code >> 18);
      out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  void read_escape(std::string& out) {
    if (at_ >= text_.size()) fail("an escape sequence");
    const char kind = text_[at_++];
    constexpr std::string_view kinds = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t which = kinds.find(kind); which != std::string_view::npos) {
      out += meanings[which];
    } else if (kind == 'u') {
      std::uint32_t code = read_hex4();
      if (code >= 0xD800 && code < 0xDC00) {
        if (!accept_word("\\u")) fail("the second half of a surrogate pair");
        const std::uint32_t low = read_hex4();
        if (low < 0xDC00 || low > 0xDFFF) fail("the second half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else if (code >= 0xDC00 && code <= 0xDFFF) {
        fail("the first half of a surrogate pair");
      }
      append_utf8(out, code);
    } else {
      fail("an escape sequence");
    }
  }

  // Reads one character of several bytes, which must be valid according to RFC 3629.
  void read_multibyte(std::string& out) {
    const auto byte = [&](std::size_t i) -> std::uint32_t {
      return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0u;
    };
    const std::uint32_t lead = byte(0);
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    std::uint32_t code = lead & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xC0) != 0x80) fail("UTF-8");
      code = code << 6 | (byte(i) & 0x3F);
    }
    const std::uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
    if (lead < 0xC2 || code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) fail("UTF-8");
    out.append(text_.substr(at_, length));
    at_ += length;
  }

  std::string read_string() {
    std::string out;
    while (true) {
      if (at_ >= text_.size()) fail("'\"'");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c < 0x20) fail("an escape sequence in place of a control character");
      if (c >= 0x80) {
        read_multibyte(out);
        continue;
      }
      ++at_;
      if (c == '"') return out;
      if (c == '\\') {
        read_escape(out);
      } else {
        out += static_cast<char>(c);
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

JsonValue parse_json(std::string_view text) {
  if (text.size() > kMaxJsonBytes) {
    throw JsonError("expected at most " + std::to_string(kMaxJsonBytes) + " bytes, got " + std::to_string(text.size()));
  }
  return Parser(text).document();
}

}  // namespace egaze::detail
