// A model's program as a graph: a straight line of operators on tensors of known types and shapes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace egaze::detail {

// What is wrong with a program, to follow "its program ".
class ProgramError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class DType { float32, bfloat16, float16, float64, int64, int32, boolean };

const char* dtype_name(DType dtype);
std::int64_t element_bytes(DType dtype);

// A side of a tensor: `count`, or `count` for each image of the batch, image after image.
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

// Such as "float32 (N, 8, 32, 24)".
std::string text_of(const TensorType& type);

// For one image. Throws ProgramError past 2^40.
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

// What an operator is given.
using Argument = std::variant<None, bool, std::int64_t, double, std::string, Ints, Tensor, Tensors>;

struct Value {
  TensorType type;
  std::size_t region;     // values of one region may share memory
  bool overlaps = false;  // whether several of its elements may lie at one address
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
  std::string name;                          // of the operator, such as "conv2d"
  const std::vector<Parameter>* parameters;  // what the arguments are
  std::vector<Argument> arguments;           // one a parameter
  std::vector<ValueId> outputs;
  bool gives_several = false;  // outputs in a list, were it of one
};

struct TypedGraph {
  std::vector<Value> values;                 // the image is the first
  std::map<ValueId, std::size_t> constants;  // which of the archive's tensors a value is
  std::vector<Node> nodes;                   // each uses what those before it give
  ValueId class_probs = 0, heatmap = 0;
  std::int64_t bytes_at_work = 0;    // see ModelLimits
  std::int64_t multiplications = 0;  // see ModelLimits
};

}  // namespace egaze::detail
