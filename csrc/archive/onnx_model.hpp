// Checks the ONNX file of an exported model before any engine sees it.
#pragma once

#include <string>
#include <vector>

#include "egaze/model_limits.hpp"
#include "model_archive.hpp"

namespace egaze::detail {

// Reads a model file and checks, in this order, its parts, its spec, its digest, its graph, and that its every byte
// follows from what was read. Nothing in the file is replaced.
// Throws as read_model_archive.
ModelArchive read_onnx_model(const std::string& path, const ModelLimits& limits = {});

// The same for the content of a file. The path is used in messages only.
ModelArchive check_onnx_model(const std::string& path, std::vector<unsigned char> bytes,
                              const ModelLimits& limits = {});

// Whether a path's suffix says that the model file is one of ONNX; every other one is of TorchScript.
bool is_onnx(const std::string& path);

// Reads a model file in the format of its suffix.
ModelArchive read_model(const std::string& path, const ModelLimits& limits = {});

}  // namespace egaze::detail
