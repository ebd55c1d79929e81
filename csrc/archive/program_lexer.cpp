#include "program_lexer.hpp"

#include <charconv>
#include <limits>

#include "typed_graph.hpp"

namespace egaze::detail {
namespace {

constexpr std::size_t kMaxWordBytes = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

Token ProgramLexer::next() {
  line_ = next_line_;
  for (; at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n'); ++at_) {
    if (text_[at_] != '\n') continue;
    ++next_line_;
    if (depth_ == 0) {
      ++at_;
      return {.kind = Token::Kind::line, .text = {}};
    }
    line_ = next_line_;
  }
  if (at_ >= text_.size()) return {.kind = Token::Kind::end, .text = {}};
  const char c = text_[at_];
  if (is_letter(c)) return name();
  if (is_digit(c) || c == '-') return number();
  if (c == '"') return quoted();
  if (c == '(' || c == '[') {
    ++depth_;
  } else if (c == ')' || c == ']') {
    if (depth_ == 0) throw ProgramError("closes a bracket that is not open");
    --depth_;
  } else if (c != ',' && c != '=') {
    throw ProgramError("contains a character that no exported program has there");
  }
  return {.kind = Token::Kind::sign, .text = text_.substr(at_++, 1)};
}

Token ProgramLexer::name() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
  const std::string_view word = text_.substr(begin, at_ - begin);
  if (word.size() > kMaxWordBytes) throw ProgramError("contains a name that is too long");
  // A name directly before a text is a prefix, which changes the meaning of the text.
  if (at_ < text_.size() && text_[at_] == '"')
    throw ProgramError("contains a character that no exported program has there");
  return {.kind = Token::Kind::name, .text = word};
}

Token ProgramLexer::number() {
  const std::size_t begin = at_;
  bool real = false;
  for (++at_; at_ < text_.size(); ++at_) {
    const char c = text_[at_], before = text_[at_ - 1];
    const bool signs_exponent = (c == '-' || c == '+') && (before == 'e' || before == 'E');
    if (!is_digit(c) && c != '.' && !is_letter(c) && !signs_exponent) break;
    real = real || !is_digit(c);
  }
  Token token{.kind = real ? Token::Kind::real : Token::Kind::integer, .text = text_.substr(begin, at_ - begin)};
  const char* const first = token.text.data();
  const char* const last = first + token.text.size();
  const auto result = real ? std::from_chars(first, last, token.real) : std::from_chars(first, last, token.integer);
  const std::size_t digits = token.text.starts_with('-') ? 1 : 0;
  // TorchScript negates a positive integer, which the smallest integer does not have.
  const bool smallest = !real && token.integer == std::numeric_limits<std::int64_t>::min();
  const bool plain = token.text.size() > digits && is_digit(token.text[digits]);  // neither "inf" nor "nan"
  if (!plain || smallest || token.text.size() > kMaxWordBytes || result.ec != std::errc() || result.ptr != last) {
    throw ProgramError("contains a number that no exported program has");
  }
  return token;
}

Token ProgramLexer::quoted() {
  const std::size_t begin = ++at_;
  while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
  const std::string_view word = text_.substr(begin, at_ - begin);
  if (at_ >= text_.size() || text_[at_] != '"' || word.size() > kMaxWordBytes) {
    throw ProgramError("contains a text that no exported program has");
  }
  ++at_;
  // """ begins a text of several lines.
  if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '.')) {
    throw ProgramError("contains a character that no exported program has there");
  }
  return {.kind = Token::Kind::text, .text = word};
}

}  // namespace egaze::detail
