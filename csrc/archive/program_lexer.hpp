// A program's text to its words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace egaze::detail {

struct Token {
  enum class Kind { name, integer, real, text, sign, line, end };

  Kind kind = Kind::end;
  std::string_view text;  // a name with its points, such as "torch.conv2d"; a text without its quotes; a sign's letter
  std::int64_t integer = 0;
  double real = 0;
};

// Reads what TorchScript's printer writes for a straight line: names, numbers, plain texts and the signs ()[],=.
// An end of a line counts only between brackets' pairs. Throws ProgramError for anything else.
class ProgramLexer {
 public:
  explicit ProgramLexer(std::string_view text) : text_(text) {}

  Token next();

  // Where the last token began, from 1.
  std::size_t line() const { return line_; }

 private:
  Token name();
  Token number();
  Token quoted();

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t next_line_ = 1;
  std::size_t depth_ = 0;  // of open brackets
};

}  // namespace egaze::detail
