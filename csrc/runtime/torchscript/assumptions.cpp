#include "assumptions.hpp"

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "own_operator.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Stack;

void test_padding(Stack& stack) {
  const std::vector<std::int64_t> known = torch::jit::pop(stack).toIntVector();
  const std::vector<std::int64_t> sides = torch::jit::pop(stack).toIntVector();
  TORCH_CHECK(sides == known, "a padding of ", sides, " is not ", known, ", for which the program was rewritten");
}

void test_doubling(Stack& stack) {
  const std::int64_t channels = torch::jit::pop(stack).toInt();
  const std::vector<std::int64_t> size = torch::jit::pop(stack).toIntVector();
  const at::Tensor& image = stack.back().toTensor();
  TORCH_CHECK(image.dim() == 4 && size.size() == 2 && image.size(1) == channels && size[0] == 2 * image.size(2) &&
                  size[1] == 2 * image.size(3),
              "an image of shape ", image.sizes(), " is not of ", channels, " channels and half the size ", size,
              ", for which the program was rewritten");
}

}  // namespace

const char* padding_test() {
  static const OwnOperator registered("egaze::test_padding(Tensor(a) image, int[] sides, int[] known) -> Tensor(a)",
                                      &test_padding);
  return "egaze::test_padding";
}

const char* doubling_test() {
  static const OwnOperator registered("egaze::test_doubling(Tensor(a) image, int[] size, int channels) -> Tensor(a)",
                                      &test_doubling);
  return "egaze::test_doubling";
}

}  // namespace egaze::detail
