// What the reading and the writing of ONNX files share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace egaze::detail::onnx {

inline constexpr std::string_view kProducer = "egaze";

// Keys of the metadata: the spec as JSON, and the signature in hexadecimal digits.
inline constexpr std::string_view kSpecKey = "egaze_spec", kSignatureKey = "egaze_signature";

// ONNX's numbers of the kinds of attributes.
inline constexpr std::int64_t kFloatAttribute = 1, kIntAttribute = 2, kStringAttribute = 3, kIntsAttribute = 7;

// The number of bytes that a signature adds to a file.
std::size_t signature_bytes(std::string_view digits);

}  // namespace egaze::detail::onnx
