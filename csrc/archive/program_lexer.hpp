// Splits the text of a program into tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace egaze::detail {

struct Token {
  enum class Kind { name, integer, real, text, sign, line, end };

  Kind kind = Kind::end;
  std::string_view text;  // names with their dots, such as "torch.conv2d"; texts without their quotes
  std::int64_t integer = 0;
  double real = 0;
};

// Reads the tokens that TorchScript's printer uses for a program without control flow: names, numbers, texts of letters,
// and the signs ()[],=. Line breaks within brackets are ignored. Throws ProgramError for anything else.
class ProgramLexer {
 public:
  explicit ProgramLexer(std::string_view text) : text_(text) {}

  Token next();

  // The line on which the last token begins, counted from 1.
  std::size_t line() const { return line_; }

 private:
  Token name();
  Token number();
  Token quoted();

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t next_line_ = 1;
  std::size_t depth_ = 0;  // the number of open brackets
};

}  // namespace egaze::detail
