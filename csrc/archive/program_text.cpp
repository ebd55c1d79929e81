#include "program_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "egaze/error.hpp"
#include "operators.hpp"

namespace egaze::detail {
namespace {

constexpr std::string_view kHead =
    "class Model(Module):\n"
    "  __parameters__ = []\n"
    "  __buffers__ = []\n"
    "  def forward(self: __torch__.egaze.Model,\n"
    "    image: Tensor) -> Tuple[Tensor, Tensor]:\n";

// What TorchScript's own printer writes: of Python's keywords these,
constexpr auto kKeywords =
    std::to_array<std::string_view>({"False", "None", "True", "else", "for", "if", "in", "pass", "return"});
// and none of these.
constexpr auto kOtherKeywords = std::to_array<std::string_view>(
    {"and",      "as",   "assert", "async",   "await", "break",  "class",  "continue", "def",
     "del",      "elif", "except", "finally", "from",  "global", "import", "is",       "lambda",
     "nonlocal", "not",  "or",     "raise",   "try",   "while",  "with",   "yield"});
// Functions that are no operators: they tell of types, and `range` is what `for` counts by.
constexpr auto kFunctions = std::to_array<std::string_view>(
    {"annotate", "bool", "float", "int", "isinstance", "range", "unchecked_cast", "uninitialized"});
constexpr std::string_view kPunctuation = "()[]{}:,=";

template <class List>
bool among(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Scanner {
 public:
  Scanner(const std::string& path, std::string_view text, std::size_t constants)
      : path_(path), text_(text), constants_(constants) {}

  void scan() {
    if (!text_.starts_with(kHead)) {
      fail("is not one frozen forward(image: Tensor) -> (Tensor, Tensor) and nothing else");
    }
    at_ = kHead.size();
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\n') {
        ++at_;
      } else if (is_letter(c)) {
        name();
      } else if (is_digit(c)) {
        number();
      } else if (c == '"') {
        string();
      } else if (kPunctuation.find(c) != std::string_view::npos) {
        if (c == '(' && after_value_) fail("calls what is no operator's name");
        ++at_;
        after_value_ = c == ')' || c == ']' || c == '}';
        continue;
      } else if (c == '-') {
        // A negative number; differences are torch.sub.
        ++at_;
        if (at_ >= text_.size() || !is_digit(text_[at_])) fail("computes otherwise than by operators");
      } else {
        fail("holds a sign that no exported one does");
      }
      if (c != ' ' && c != '\n') after_value_ = !is_letter(c);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const auto line = 1 + std::ranges::count(text_.substr(0, at_), '\n');
    throw Error(ErrorCode::model_operator, path_ + ": its program " + what + " (line " + std::to_string(line) + ")");
  }

  [[noreturn]] void fail_name(std::string_view name) const {
    fail("uses '" + std::string(name.substr(0, 80)) + "', which no exported model needs");
  }

  std::string_view word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // A name with what follows its points: an operator, a tensor of the archive, or a variable, which has none.
  void name() {
    const std::size_t begin = at_;
    const std::string_view first = word();
    std::string_view second, third;
    std::size_t parts = 1;
    for (; at_ < text_.size() && text_[at_] == '.'; ++parts) {
      ++at_;
      (parts == 1 ? second : third) = word();
    }
    const std::string_view whole = text_.substr(begin, at_ - begin);
    bool allowed = false;
    if (first == "torch") {
      allowed = parts == 2 && is_allowed_operator("aten::" + std::string(second));
    } else if (first == "ops") {
      allowed = parts == 3 && is_allowed_operator(std::string(second) + "::" + std::string(third));
    } else if (first == "CONSTANTS") {
      allowed = parts == 2 && is_constant(second);
    } else if (parts == 1 && among(kKeywords, first)) {
      allowed = true;
    } else if (parts == 1) {
      const std::size_t next = text_.find_first_not_of(" \n", at_);
      const bool called = next != std::string_view::npos && text_[next] == '(';
      allowed = called ? among(kFunctions, first) : is_variable(first);
    }
    // A name right before a text would make it another sort of text.
    if (!allowed || (at_ < text_.size() && text_[at_] == '"')) fail_name(whole);
  }

  static bool is_variable(std::string_view word) {
    return !among(kOtherKeywords, word) && word != "self" && !word.starts_with("__");
  }

  bool is_constant(std::string_view word) const {
    if (!word.starts_with('c')) return false;
    std::size_t index = 0;
    const char* end = word.data() + word.size();
    const auto result = std::from_chars(word.data() + 1, end, index);
    return result.ec == std::errc() && result.ptr == end && index < constants_;
  }

  // Digits, a point, an exponent; a letter of another kind would be another sort of number.
  void number() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool exponent = c == 'e' || c == 'E';
      if (!is_digit(c) && c != '.' && !exponent) break;
      ++at_;
      if (exponent && at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
    }
    if (at_ < text_.size() && is_letter(text_[at_])) fail("holds a number that no exported one does");
  }

  void string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] < ' ' || text_[at_] > '~') fail("holds a sign that no exported one does");
      if (text_[at_] == '\\') ++at_;
    }
    if (at_ >= text_.size()) fail("holds a text without an end");
    ++at_;
    // """ would begin a text that goes on where this one seems to end; a point would call a method of the text.
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '.')) fail("holds a sign that no exported one does");
  }

  const std::string& path_;
  std::string_view text_;
  std::size_t constants_;
  std::size_t at_ = 0;
  bool after_value_ = false;  // whether a bracket here would call the value before it
};

}  // namespace

void check_program_text(const std::string& path, std::string_view text, std::size_t constants) {
  Scanner(path, text, constants).scan();
}

}  // namespace egaze::detail
