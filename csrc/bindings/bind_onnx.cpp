#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "model_spec.hpp"
#include "onnx/messages.hpp"
#include "onnx/node_builder.hpp"

namespace egaze::bindings {

namespace py = pybind11;

namespace {

using namespace detail::onnx;

Bytes bytes_of(const py::bytes& content) {
  const std::string_view text(content);
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

// A graph that is being written, each operator proved as it is added.
class GraphBinding {
 public:
  GraphBinding(std::int64_t height_px, std::int64_t width_px, const ModelLimits& limits)
      : builder_(height_px, width_px, limits) {}

  void add_constant(const std::string& name, std::int64_t dtype, detail::Ints dims, const py::bytes& data) {
    builder_.add_constant(name, {dtype, std::move(dims), bytes_of(data)});
    data_.push_back(data);
  }

  void add(std::string op_type, std::vector<std::string> inputs, std::vector<std::string> outputs,
           std::map<std::string, Attribute> attributes) {
    builder_.add({std::move(op_type), std::move(inputs), std::move(outputs), std::move(attributes)});
  }

  std::vector<std::pair<std::int64_t, bool>> shape(const std::string& name) const {
    std::vector<std::pair<std::int64_t, bool>> extents;
    for (const detail::Extent& extent : builder_.shape(name)) extents.emplace_back(extent.count, extent.per_image);
    return extents;
  }

  void finish(const std::string& spec_json) {
    builder_.finish(promised_results(detail::parse_model_spec("", spec_json)));
  }

  py::bytes written(const std::string& spec_json, const std::optional<std::string>& signature_digits) const {
    const ModelSpec spec = detail::parse_model_spec("", spec_json);
    const std::vector<unsigned char> file = write_file(builder_.graph(), spec, spec_json, signature_digits).bytes();
    return {reinterpret_cast<const char*>(file.data()), file.size()};
  }

 private:
  NodeBuilder builder_;
  std::vector<py::bytes> data_;  // of the constants
};

}  // namespace

void bind_onnx(py::module_& module) {
  py::register_exception<detail::ProgramError>(module, "ProgramError");
  py::class_<GraphBinding>(module, "OnnxGraph")
      .def(py::init([](std::int64_t height_px, std::int64_t width_px, std::int64_t nodes, std::int64_t nesting,
                       std::int64_t bytes_at_work, std::int64_t multiplications) {
             return std::make_unique<GraphBinding>(height_px, width_px,
                                                   ModelLimits{nodes, nesting, bytes_at_work, multiplications});
           }),
           py::arg("height_px"), py::arg("width_px"), py::kw_only(), py::arg("nodes"), py::arg("nesting"),
           py::arg("bytes_at_work"), py::arg("multiplications"))
      .def("add_constant", &GraphBinding::add_constant, py::arg("name"), py::arg("dtype"), py::arg("dims"),
           py::arg("data"))
      .def("add", &GraphBinding::add, py::arg("op_type"), py::arg("inputs"), py::arg("outputs"), py::arg("attributes"))
      .def("shape", &GraphBinding::shape, py::arg("name"))
      .def("finish", &GraphBinding::finish, py::arg("spec_json"))
      .def("written", &GraphBinding::written, py::arg("spec_json"), py::arg("signature_digits") = py::none());
  module.def("onnx_operators", &operator_names);
}

}  // namespace egaze::bindings
