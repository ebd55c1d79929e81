// A tiny ONNX model of one class, whose probability is the image's mean and whose heatmap is the image's sigmoid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model_spec.hpp"
#include "onnx/graph.hpp"
#include "onnx/messages.hpp"
#include "sha256.hpp"

namespace egaze::tiny_onnx {

inline const std::string kZeros(64, '0');

inline const std::string kSpec =
    R"({"format_version": 4, "egaze_version": "0.1.0", "torch_version": "2.14.1", "recipe": "joint", )"
    R"("precision": "fp32", "presentation": "voi", "fit": "stretch", "canvas_height_px": 4, "canvas_width_px": 6, )"
    R"("input_height_px": 4, "input_width_px": 6, "class_names": ["a"], "heatmap_head": true, )"
    R"("label_kind": "independent", "threshold_rule": "", "thresholds": [], )"
    R"("training_split_sha256": "x", "class_probs": "sigmoid", "model_sha256": ")" +
    kZeros + "\"}";

inline constexpr unsigned char kAxes[16] = {2, 0, 0, 0, 0, 0, 0, 0, 3};

inline detail::onnx::Graph graph() {
  return {{{"axes", {detail::onnx::kInt64, {2}, kAxes}}},
          {{"ReduceMean", {"image", "axes"}, {"class_probs"}, {{"keepdims", std::int64_t{0}}}},
           {"Sigmoid", {"image"}, {"heatmap"}}}};
}

// A file's bytes with the digest of what they are in the place of the zeros in its spec, which must be its end.
inline std::vector<unsigned char> sealed(std::vector<unsigned char> file) {
  detail::Sha256 sha;
  sha.update(file.data(), file.size());
  const std::string digest = sha.finish();
  const std::size_t at = file.size() - kZeros.size() - 2;
  for (std::size_t i = 0; i < digest.size(); ++i) file[at + i] = static_cast<unsigned char>(digest[i]);
  return file;
}

inline std::vector<unsigned char> file_of(const detail::onnx::Graph& graph) {
  const ModelSpec spec = detail::parse_model_spec("m.onnx", kSpec);
  return sealed(detail::onnx::write_file(graph, spec, kSpec, std::nullopt).bytes());
}

}  // namespace egaze::tiny_onnx
