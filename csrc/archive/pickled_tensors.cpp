#include "pickled_tensors.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "egaze/error.hpp"

namespace egaze::detail {
namespace {

constexpr std::size_t kMaxDepth = 8, kMaxTextBytes = 256, kMaxDimensions = 8;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;
// A tensor needs about 40 instructions. Each makes a value of at most about 150 bytes, or recalls one.
constexpr std::size_t kMaxInstructions = std::size_t{1} << 19;

struct Value;
using Reference = std::shared_ptr<const Value>;  // shared, so that recalling a value needs no memory

enum class Kind { mark, number, truth, text, global, tuple, storage, tensor, mapping };

struct Value {
  Kind kind;
  std::int64_t number = 0;  // the value of a number, or the number of elements of a storage
  std::string text = {};    // the content of a text, or "module name" of a global
  std::vector<Reference> items = {};
  std::size_t depth = 0;
  TensorType type = {};  // the type of a tensor; a storage has only a dtype
};

// The type of the elements of a storage, by the name of its class.
std::optional<DType> storage_dtype(std::string_view storage) {
  constexpr std::pair<std::string_view, DType> kStorages[] = {
      {"torch FloatStorage", DType::float32}, {"torch BFloat16Storage", DType::bfloat16},
      {"torch HalfStorage", DType::float16},  {"torch DoubleStorage", DType::float64},
      {"torch LongStorage", DType::int64},    {"torch IntStorage", DType::int32}};
  for (const auto& [name, dtype] : kStorages) {
    if (storage == name) return dtype;
  }
  return std::nullopt;
}

// Executes the part of pickle's protocol 2 that TorchScript uses for tensors.
class Machine {
 public:
  using StorageBytes = std::function<std::optional<std::size_t>(const std::string&)>;

  Machine(const std::string& path, std::span<const unsigned char> pickle, const StorageBytes& storage_bytes)
      : path_(path), pickle_(pickle), storage_bytes_(storage_bytes) {}

  std::vector<TensorType> run() {
    if (next() != 0x80 || next() != 2) foreign("a pickle of another protocol");
    std::size_t instructions = 0;
    while (step(next())) {
      if (++instructions > kMaxInstructions) broken("more than " + std::to_string(kMaxInstructions) + " instructions");
    }
    if (at_ != pickle_.size() || stack_.size() != 1 || stack_[0]->kind != Kind::tuple)
      broken("something other than a tuple of tensors");
    std::vector<TensorType> types;
    for (const Reference& item : stack_[0]->items) {
      if (item->kind != Kind::tensor) broken("something other than a tuple of tensors");
      types.push_back(item->type);
    }
    return types;
  }

 private:
  [[noreturn]] void broken(const std::string& what) const {
    throw Error(ErrorCode::model_archive,
                path_ + ": is not an exported model, or is damaged: its constants.pkl has " + what);
  }

  [[noreturn]] void foreign(const std::string& what) const {
    throw Error(ErrorCode::model_operator,
                path_ + ": its constants.pkl has " + what + ", which no exported model needs");
  }

  unsigned char next() {
    if (at_ >= pickle_.size()) broken("no end");
    return pickle_[at_++];
  }

  std::int64_t little_endian(std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{next()} << 8 * i;
    return static_cast<std::int64_t>(value);
  }

  std::string text(std::size_t count) {
    if (count > kMaxTextBytes || count > pickle_.size() - at_) broken("a text that is too long");
    const auto letters = pickle_.subspan(at_, count);
    at_ += count;
    return {letters.begin(), letters.end()};
  }

  std::string line() {
    std::string letters;
    for (unsigned char c = next(); c != '\n'; c = next()) {
      if (letters.size() >= kMaxTextBytes) broken("a text that is too long");
      letters += static_cast<char>(c);
    }
    return letters;
  }

  void push(Value value) { stack_.push_back(std::make_shared<const Value>(std::move(value))); }

  Reference pop() {
    if (stack_.empty()) broken("too few values");
    Reference top = std::move(stack_.back());
    stack_.pop_back();
    return top;
  }

  void push_tuple(std::vector<Reference> items) {
    Value tuple{Kind::tuple};
    for (const Reference& item : items) tuple.depth = std::max(tuple.depth, item->depth + 1);
    // Destroying deeply nested tuples needs a deep stack.
    if (tuple.depth > kMaxDepth) broken("tuples that are nested too deeply");
    tuple.items = std::move(items);
    push(std::move(tuple));
  }

  void push_tuple_from_mark() {
    std::size_t mark = stack_.size();
    while (mark > 0 && stack_[mark - 1]->kind != Kind::mark) --mark;
    if (mark == 0) broken("too few values");
    std::vector<Reference> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark), stack_.end());
    stack_.resize(mark - 1);
    push_tuple(std::move(items));
  }

  void push_tuple_of(std::size_t count) {
    if (stack_.size() < count) broken("too few values");
    std::vector<Reference> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    push_tuple(std::move(items));
  }

  void push_global() {
    std::string name = line();
    name += ' ';
    name += line();
    if (name != "torch._utils _rebuild_tensor_v2" && name != "collections OrderedDict" && !storage_dtype(name)) {
      // The name may contain anything, so only printable ASCII characters are quoted.
      std::erase_if(name, [](char c) { return c < ' ' || c > '~'; });
      foreign("'" + name.substr(0, 80) + "'");
    }
    push({Kind::global, 0, std::move(name)});
  }

  // A storage consists of its class, its key and its number of elements. The archive must contain it.
  void push_storage() {
    const Reference id = pop();
    const auto& items = id->items;
    const bool fits = id->kind == Kind::tuple && items.size() == 5 && items[0]->text == "storage" &&
                      items[1]->kind == Kind::global && items[2]->kind == Kind::text && items[3]->text == "cpu" &&
                      items[4]->kind == Kind::number;
    const std::optional<DType> dtype = fits ? storage_dtype(items[1]->text) : std::nullopt;
    if (!dtype) broken("no storage where one is expected");
    const std::int64_t elements = items[4]->number;
    const std::optional<std::size_t> held = storage_bytes_(items[2]->text);
    if (elements < 0 || elements > kMaxElements || !held ||
        *held != static_cast<std::size_t>(elements * element_bytes(*dtype))) {
      broken("a storage of another size than in the archive");
    }
    push({.kind = Kind::storage, .number = elements, .type = {*dtype, {}}});
  }

  std::vector<std::int64_t> extents(const Reference& tuple) const {
    if (tuple->kind != Kind::tuple || tuple->items.size() > kMaxDimensions) broken("no sizes where they are expected");
    std::vector<std::int64_t> numbers;
    for (const Reference& item : tuple->items) {
      if (item->kind != Kind::number || item->number < 0 || item->number > kMaxElements)
        broken("a size that is not allowed");
      numbers.push_back(item->number);
    }
    return numbers;
  }

  // _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks)
  void push_tensor(const std::vector<Reference>& arguments) {
    const bool fits = arguments.size() == 6 && arguments[0]->kind == Kind::storage &&
                      arguments[1]->kind == Kind::number && arguments[4]->kind == Kind::truth &&
                      arguments[5]->kind == Kind::mapping;
    if (!fits) broken("no tensor where one is expected");
    const std::vector<std::int64_t> sizes = extents(arguments[2]), strides = extents(arguments[3]);
    std::int64_t last = arguments[1]->number, elements = 1;
    if (sizes.size() != strides.size() || last < 0 || last > kMaxElements) broken("a size that is not allowed");
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      elements *= std::max<std::int64_t>(sizes[i], 1);
      if (elements > kMaxElements) broken("a size that is not allowed");
      last += std::max<std::int64_t>(sizes[i] - 1, 0) * strides[i];
    }
    const bool empty = std::ranges::find(sizes, 0) != sizes.end();
    if (!empty && last >= arguments[0]->number) broken("a tensor that reaches beyond its storage");
    Value tensor{.kind = Kind::tensor, .type = {arguments[0]->type.dtype, {}}};
    for (const std::int64_t size : sizes) tensor.type.shape.push_back({size});
    push(std::move(tensor));
  }

  void reduce() {
    const Reference arguments = pop(), function = pop();
    if (arguments->kind != Kind::tuple || function->kind != Kind::global)
      broken("a call of something that is not a function");
    if (function->text == "torch._utils _rebuild_tensor_v2") {
      push_tensor(arguments->items);
    } else if (function->text == "collections OrderedDict" && arguments->items.empty()) {
      push({Kind::mapping});
    } else {
      foreign("a call of '" + function->text + "'");
    }
  }

  void remember(std::int64_t key) {
    // Keys are consecutive, which bounds the size of the memo.
    if (stack_.empty() || key < 0 || static_cast<std::size_t>(key) > memo_.size()) broken("a wrong key of the memo");
    if (static_cast<std::size_t>(key) == memo_.size()) memo_.push_back(stack_.back());
    memo_[static_cast<std::size_t>(key)] = stack_.back();
  }

  void recall(std::int64_t key) {
    if (key < 0 || static_cast<std::size_t>(key) >= memo_.size()) broken("a wrong key of the memo");
    stack_.push_back(memo_[static_cast<std::size_t>(key)]);
  }

  // Returns false after the last instruction.
  bool step(unsigned char instruction) {
    switch (instruction) {
      case '(': push({Kind::mark}); return true;
      case ')': push_tuple({}); return true;
      case 't': push_tuple_from_mark(); return true;
      case 0x85:
      case 0x86:
      case 0x87: push_tuple_of(instruction - 0x84u); return true;
      case 'K': push({Kind::number, little_endian(1)}); return true;
      case 'M': push({Kind::number, little_endian(2)}); return true;
      case 'J': push({Kind::number, static_cast<std::int32_t>(little_endian(4))}); return true;
      case 0x8a: {  // an integer of n bytes, of which TorchScript writes 8
        if (next() != 8) broken("a number that is too long");
        push({Kind::number, little_endian(8)});
        return true;
      }
      case 0x88: push({Kind::truth, 1}); return true;
      case 0x89: push({Kind::truth, 0}); return true;
      case 'X': push({Kind::text, 0, text(static_cast<std::size_t>(little_endian(4)))}); return true;
      case 'c': push_global(); return true;
      case 'Q': push_storage(); return true;
      case 'R': reduce(); return true;
      case 'q': remember(little_endian(1)); return true;
      case 'r': remember(little_endian(4)); return true;
      case 'h': recall(little_endian(1)); return true;
      case 'j': recall(little_endian(4)); return true;
      case '.': return false;
      default: foreign("the instruction " + std::to_string(instruction));
    }
  }

  const std::string& path_;
  std::span<const unsigned char> pickle_;
  const StorageBytes& storage_bytes_;
  std::size_t at_ = 0;
  std::vector<Reference> stack_;
  std::vector<Reference> memo_;
};

}  // namespace

std::vector<TensorType> read_pickled_tensors(
    const std::string& path, std::span<const unsigned char> pickle,
    const std::function<std::optional<std::size_t>(const std::string&)>& storage_bytes) {
  return Machine(path, pickle, storage_bytes).run();
}

}  // namespace egaze::detail
