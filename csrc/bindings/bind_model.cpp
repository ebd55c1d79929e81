#include <pybind11/pybind11.h>

#include <string>
#include <utility>

#include "bind.hpp"
#include "egaze/error.hpp"
#include "model_archive.hpp"
#include "operator_rules.hpp"

namespace egaze::bindings {

namespace py = pybind11;

void bind_model(py::module_& module) {
  // Paths and what is said of them are bytes: a path may be of no encoding.
  static py::handle model_error = py::exception<Error>(module, "ModelError").release();
  module.def(
      "read_model",
      [](const std::string& path) -> std::pair<py::bytes, py::bytes> {
        try {
          detail::ModelArchive archive;
          {
            const py::gil_scoped_release release;
            archive = detail::read_model_archive(path);
          }
          return {py::bytes(archive.spec_json),
                  py::bytes(reinterpret_cast<const char*>(archive.bytes.data()), archive.bytes.size())};
        } catch (const Error& error) {
          PyErr_SetObject(model_error.ptr(), py::make_tuple(error_name(error.code()), py::bytes(error.what())).ptr());
          throw py::error_already_set();
        }
      },
      py::arg("path"));
  module.def("model_operators", [] {
    py::list names;
    for (const std::string& name : detail::allowed_operators()) names.append(name);
    return names;
  });
}

}  // namespace egaze::bindings
