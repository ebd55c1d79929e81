#include "program_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "program_lexer.hpp"

namespace egaze::detail {

const std::string_view kProgramHead =
    "class Model(Module):\n"
    "  __parameters__ = []\n"
    "  __buffers__ = []\n"
    "  def forward(self: __torch__.egaze.Model,\n"
    "    image: Tensor) -> Tuple[Tensor, Tensor]:\n";

const std::string_view kProgramHeadWithClassHeatmaps =
    "class Model(Module):\n"
    "  __parameters__ = []\n"
    "  __buffers__ = []\n"
    "  def forward(self: __torch__.egaze.Model,\n"
    "    image: Tensor) -> Tuple[Tensor, Tensor, Tensor]:\n";

namespace {

constexpr std::size_t kMaxListLength = 4096;
constexpr auto kReserved = std::to_array<std::string_view>(
    {"False", "None",     "True",  "and",    "as",     "assert", "async",  "await",    "break",
     "class", "continue", "def",   "del",    "elif",   "else",   "except", "finally",  "for",
     "from",  "global",   "if",    "import", "in",     "is",     "lambda", "nonlocal", "not",
     "or",    "pass",     "raise", "self",   "return", "try",    "while",  "with",     "yield"});

class Parser {
 public:
  using Results = std::vector<Argument>;

  Parser(std::string_view text, GraphBuilder& builder, std::int64_t nesting, std::size_t results)
      : lexer_(text), builder_(builder), nesting_(nesting), results_(results) {
    values_.emplace("image", GraphBuilder::image());
    advance();
  }

  std::size_t line() const { return lexer_.line(); }

  // Reads the whole program and returns its results.
  Results program() {
    for (;;) {
      while (token_.kind == Token::Kind::line) advance();
      if (token_.kind != Token::Kind::name) fail("contains something that is not a statement");
      if (token_.text == "return") break;
      assignment();
    }
    advance();
    Results results = returned();
    while (token_.kind == Token::Kind::line) advance();
    if (token_.kind != Token::Kind::end) fail("continues after the return statement");
    return results;
  }

 private:
  [[noreturn]] static void fail(const std::string& what) { throw ProgramError(what); }

  [[noreturn]] static void fail_name(std::string_view name) {
    fail("uses '" + std::string(name.substr(0, 80)) + "', which no exported model needs");
  }

  void advance() { token_ = lexer_.next(); }

  bool at_sign(char sign) const { return token_.kind == Token::Kind::sign && token_.text[0] == sign; }

  void expect(char sign) {
    if (!at_sign(sign)) fail("has a syntax that no exported program has");
    advance();
  }

  // name = value, or name, name, = list
  void assignment() {
    std::vector<std::string> names;
    bool several = false;
    for (;;) {
      const std::string_view name = token_.text;
      if (token_.kind != Token::Kind::name || name.find('.') != std::string_view::npos || name.starts_with("__") ||
          std::ranges::find(kReserved, name) != kReserved.end()) {
        fail_name(name);
      }
      names.emplace_back(name);
      advance();
      if (!at_sign(',')) break;
      several = true;
      advance();
      if (at_sign('=')) break;
    }
    if (!at_sign('=')) fail_name(names.back());
    advance();
    if (!several && at_sign('(')) return define(tuples_, names.front(), tuple());
    Argument value = expression();
    if (token_.kind != Token::Kind::line) fail("has a syntax that no exported program has");
    if (!several) return define(values_, names.front(), std::move(value));
    const auto* tensors = std::get_if<Tensors>(&value);
    if (tensors == nullptr || tensors->ids.size() != names.size())
      fail("assigns a list of tensors to another number of names");
    for (std::size_t i = 0; i < names.size(); ++i) define(values_, names[i], Argument(Tensor{tensors->ids[i]}));
  }

  template <class Meaning>
  void define(std::unordered_map<std::string, Meaning>& meanings, const std::string& name, Meaning meaning) {
    if (values_.contains(name) || tuples_.contains(name)) fail("assigns a name twice");
    meanings.emplace(name, std::move(meaning));
  }

  Results tuple() {
    Results results;
    expect('(');
    results.push_back(expression());
    while (results.size() < results_) {
      expect(',');
      results.push_back(expression());
    }
    expect(')');
    return results;
  }

  Results returned() {
    if (token_.kind != Token::Kind::name) return tuple();
    const auto found = tuples_.find(std::string(token_.text));
    if (found == tuples_.end()) fail_name(token_.text);
    advance();
    return found->second;
  }

  Argument expression() {
    const Nested nested(*this);
    const Token token = token_;
    switch (token.kind) {
      case Token::Kind::integer: advance(); return token.integer;
      case Token::Kind::real: advance(); return token.real;
      case Token::Kind::text: advance(); return std::string(token.text);
      case Token::Kind::name: advance(); return named(token.text);
      case Token::Kind::sign:
        if (at_sign('[')) return list();
        break;
      default: break;
    }
    fail("has a syntax that no exported program has");
  }

  Argument named(std::string_view name) {
    if (name == "None") return None{};
    if (name == "True" || name == "False") return name == "True";
    if (at_sign('(')) return call(name);
    if (name.starts_with("CONSTANTS.c")) {
      std::size_t index = 0;
      const auto result = std::from_chars(name.data() + 11, name.data() + name.size(), index);
      if (result.ec != std::errc() || result.ptr != name.data() + name.size()) fail_name(name);
      return builder_.constant(index);
    }
    const auto found = values_.find(std::string(name));
    if (found == values_.end()) fail_name(name);
    return found->second;
  }

  Argument call(std::string_view name) {
    if (!name.starts_with("torch.") || name.find('.', 6) != std::string_view::npos) fail_name(name);
    std::vector<CallArgument> arguments;
    expect('(');
    while (!at_sign(')')) {
      if (!arguments.empty()) expect(',');
      arguments.push_back(argument());
      if (arguments.size() > kMaxListLength) fail("passes too many arguments to an operator");
    }
    advance();
    return builder_.call(name.substr(6), std::move(arguments));
  }

  CallArgument argument() {
    if (token_.kind != Token::Kind::name) return {"", expression()};
    const std::string_view name = token_.text;
    const Nested nested(*this);
    advance();
    if (!at_sign('=')) return {"", named(name)};
    advance();
    return {std::string(name), expression()};
  }

  // A list of integers or of tensors.
  Argument list() {
    Ints integers;
    std::vector<ValueId> tensors;
    expect('[');
    while (!at_sign(']')) {
      if (!integers.empty() || !tensors.empty()) expect(',');
      const Argument item = expression();
      if (const auto* integer = std::get_if<std::int64_t>(&item)) {
        integers.push_back(*integer);
      } else if (const auto* tensor = std::get_if<Tensor>(&item)) {
        tensors.push_back(tensor->id);
      } else {
        fail("has a list of neither integers nor tensors");
      }
      if (integers.size() + tensors.size() > kMaxListLength) fail("has a list that is too long");
    }
    advance();
    if (!integers.empty() && !tensors.empty()) fail("has a list of both integers and tensors");
    if (integers.empty() && tensors.empty()) fail("has an empty list");
    if (tensors.empty()) return integers;
    return Tensors{std::move(tensors)};
  }

  // Counts one level of nesting during its lifetime.
  class Nested {
   public:
    explicit Nested(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > parser_.nesting_) {
        fail("nests calls deeper than the limit nesting=" + std::to_string(parser_.nesting_));
      }
    }
    ~Nested() { --parser_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser& parser_;
  };

  ProgramLexer lexer_;
  GraphBuilder& builder_;
  std::int64_t nesting_;
  std::size_t results_;  // the number of tensors that the program returns
  std::int64_t depth_ = 0;
  Token token_;
  std::unordered_map<std::string, Argument> values_;
  std::unordered_map<std::string, Results> tuples_;
};

}  // namespace

TypedGraph parse_program(std::string_view text, GraphBuilder builder, std::int64_t classes, std::int64_t nesting,
                         bool class_heatmaps) {
  const std::string_view head = class_heatmaps ? kProgramHeadWithClassHeatmaps : kProgramHead;
  if (!text.starts_with(head)) {
    throw ProgramError(std::string("is not a single method forward(image: Tensor) -> (Tensor, Tensor") +
                       (class_heatmaps ? ", Tensor)" : ")"));
  }
  const auto lines_before = std::ranges::count(head, '\n');
  std::optional<Parser> parser;
  try {
    parser.emplace(text.substr(head.size()), builder, nesting, class_heatmaps ? 3 : 2);
    return builder.finish(parser->program(), classes);
  } catch (const ProgramError& error) {
    const std::size_t line = parser ? parser->line() : 1;
    throw ProgramError(std::string(error.what()) + " (line " +
                       std::to_string(static_cast<std::size_t>(lines_before) + line) + ")");
  }
}

}  // namespace egaze::detail
