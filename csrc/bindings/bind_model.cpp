#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "bind.hpp"
#include "egaze/error.hpp"
#include "model_archive.hpp"
#include "onnx_model.hpp"
#include "operator_rules.hpp"

namespace egaze::bindings {

namespace py = pybind11;

namespace {

const char* name_of(Presentation presentation) {
  switch (presentation) {
    case Presentation::voi: return "voi";
    case Presentation::raw_max: return "raw-max";
    case Presentation::equalize: return "equalize";
  }
  return "";
}

// The fields of egaze.deploy.ModelSpec.
py::dict dict_of(const ModelSpec& spec) {
  py::dict fields;
  fields["format_version"] = spec.format_version;
  fields["egaze_version"] = spec.egaze_version;
  fields["torch_version"] = spec.torch_version;
  fields["recipe"] = spec.recipe;
  fields["precision"] = spec.precision;
  fields["presentation"] = name_of(spec.presentation);
  fields["fit"] = spec.fit == Fit::stretch ? "stretch" : "letterbox";
  fields["canvas_height_px"] = spec.canvas_height_px;
  fields["canvas_width_px"] = spec.canvas_width_px;
  fields["input_height_px"] = spec.input_height_px;
  fields["input_width_px"] = spec.input_width_px;
  py::list names;
  for (const std::string& name : spec.class_names) names.append(name);
  fields["class_names"] = py::tuple(names);
  fields["label_kind"] = spec.label_kind;
  fields["heatmap_head"] = spec.heatmap_head;
  fields["class_heatmaps"] = spec.class_heatmaps;
  fields["training_split_sha256"] = spec.training_split_sha256;
  fields["class_probs"] = spec.class_probs;
  fields["threshold_rule"] = spec.threshold_rule;
  py::list thresholds;
  for (const std::optional<double>& threshold : spec.thresholds) {
    if (threshold) {
      thresholds.append(*threshold);
    } else {
      thresholds.append(py::none());
    }
  }
  fields["thresholds"] = py::tuple(thresholds);
  fields["model_sha256"] = spec.model_sha256;
  return fields;
}

// The fields of egaze.deploy.spec.ProgramProof.
py::dict dict_of(const detail::ProgramProof& proof) {
  py::dict fields;
  fields["nodes"] = proof.nodes;
  fields["bytes_at_work"] = proof.bytes_at_work;
  fields["multiplications"] = proof.multiplications;
  fields["seconds"] = proof.seconds;
  return fields;
}

// The content of the member "signature", or None.
py::object signature_of(const detail::ModelArchive& archive) {
  if (!archive.signature) return py::none();
  std::string content(archive.signature->key.begin(), archive.signature->key.end());
  content.append(archive.signature->signature.begin(), archive.signature->signature.end());
  return py::bytes(content);
}

py::handle model_error;  // Python's class for Error

[[noreturn]] void raise(const Error& error) {
  PyErr_SetObject(model_error.ptr(), py::make_tuple(error_name(error.code()), py::bytes(error.what())).ptr());
  throw py::error_already_set();
}

constexpr ModelLimits kDefaults;

// What Python gets of a model file, which `check` checks.
template <class Check>
py::tuple checked(const Check& check) {
  try {
    detail::ModelArchive archive;
    {
      const py::gil_scoped_release release;
      archive = check();
    }
    return py::make_tuple(dict_of(archive.spec),
                          py::bytes(reinterpret_cast<const char*>(archive.bytes.data()), archive.bytes.size()),
                          signature_of(archive), dict_of(archive.proof));
  } catch (const Error& error) {
    raise(error);
  }
}

}  // namespace

void bind_model(py::module_& module) {
  // Paths, and messages that contain them, are bytes, because a path need not have an encoding.
  model_error = py::exception<Error>(module, "ModelError").release();
  module.def(
      "read_model",
      [](const std::string& path, std::int64_t nodes, std::int64_t nesting, std::int64_t bytes_at_work,
         std::int64_t multiplications) {
        const ModelLimits limits{nodes, nesting, bytes_at_work, multiplications};
        return checked([&] { return detail::read_model(path, limits); });
      },
      py::arg("path"), py::arg("nodes") = kDefaults.nodes, py::arg("nesting") = kDefaults.nesting,
      py::arg("bytes_at_work") = kDefaults.bytes_at_work, py::arg("multiplications") = kDefaults.multiplications);
  // The same for the content of an ONNX file.
  module.def(
      "check_onnx_model",
      [](const std::string& path, const py::bytes& content, std::int64_t nodes, std::int64_t nesting,
         std::int64_t bytes_at_work, std::int64_t multiplications) {
        const ModelLimits limits{nodes, nesting, bytes_at_work, multiplications};
        const std::string_view bytes(content);
        return checked([&] { return detail::check_onnx_model(path, {bytes.begin(), bytes.end()}, limits); });
      },
      py::arg("path"), py::arg("content"), py::arg("nodes"), py::arg("nesting"), py::arg("bytes_at_work"),
      py::arg("multiplications"));
  // The name of each limit, its default, and the largest value that it can be set to.
  module.def("model_limits", [] {
    py::list limits;
    for (const ModelLimit& limit : kModelLimits) {
      limits.append(py::make_tuple(limit.name, kDefaults.*limit.value, limit.largest));
    }
    return limits;
  });
  module.def("model_operators", [] {
    py::list names;
    for (const std::string& name : detail::allowed_operators()) names.append(name);
    return names;
  });
}

}  // namespace egaze::bindings
