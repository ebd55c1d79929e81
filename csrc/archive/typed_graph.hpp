// The graph of a model's program: a sequence of operators on tensors whose types and shapes are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace egaze::detail {

// what() completes a sentence that begins with "its program".
class ProgramError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class DType { float32, bfloat16, float16, float64, int64, int32, boolean };

const char* dtype_name(DType dtype);
std::int64_t element_bytes(DType dtype);

// The size of one dimension of a tensor: `count`, or `count` for each image of the batch. In the second case the elements
// of one image are adjacent, and the images are in order.
struct Extent {
  std::int64_t count = 1;
  bool per_image = false;

  bool operator==(const Extent&) const = default;
};

using Shape = std::vector<Extent>;

struct TensorType {
  DType dtype = DType::float32;
  Shape shape;

  bool operator==(const TensorType&) const = default;
};

// For example "float32 (N, 8, 32, 24)".
std::string text_of(const TensorType& type);

// The number of elements and bytes for one image. Throw ProgramError if there are more than 2^40 elements.
std::int64_t elements_of(const Shape& shape);
std::int64_t bytes_of(const TensorType& type);

using ValueId = std::size_t;
using Ints = std::vector<std::int64_t>;

struct None {
  bool operator==(const None&) const = default;
};

struct Tensor {
  ValueId id;

  bool operator==(const Tensor&) const = default;
};

struct Tensors {
  std::vector<ValueId> ids;

  bool operator==(const Tensors&) const = default;
};

// The value of one argument of an operator.
using Argument = std::variant<None, bool, std::int64_t, double, std::string, Ints, Tensor, Tensors>;

struct Value {
  TensorType type;
  std::size_t region;     // values of the same region may share memory
  bool overlaps = false;  // whether several of its elements may share an address
};

struct Parameter {
  enum class Kind {
    tensor,
    optional_tensor,
    tensors,
    tensor_or_number,
    integer,
    optional_integer,
    integers,
    optional_integers,
    optional_floats,
    real,
    optional_real,
    number,
    optional_number,
    flag,
    text,
    dtype,
    optional_dtype,
  };

  std::string name;
  Kind kind = Kind::tensor;
  bool has_default = false;
  bool keyword_only = false;
  Argument fallback = None{};
};

struct Node {
  std::string name;                          // the operator's name, such as "conv2d"
  const std::vector<Parameter>* parameters;  // of the operator
  std::vector<Argument> arguments;           // one for each parameter
  std::vector<ValueId> outputs;
  bool returns_list = false;  // whether the outputs are a list of tensors, which may have a single element
};

struct TypedGraph {
  std::vector<Value> values;                 // the first is the image
  std::map<ValueId, std::size_t> constants;  // values that are tensors of the archive, to their index there
  std::vector<Node> nodes;                   // each uses only outputs of nodes before it
  ValueId class_probs = 0, heatmap = 0;
  std::optional<ValueId> class_heatmaps;
  std::int64_t bytes_at_work = 0;    // see ModelLimits
  std::int64_t multiplications = 0;  // see ModelLimits
};

}  // namespace egaze::detail
