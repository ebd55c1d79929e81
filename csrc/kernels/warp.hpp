// Views of an image: resampling, intensity, noise and cutouts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "egaze/sample.hpp"

namespace egaze::detail {

// Writes the sample's view of height x width floats. `stored` is its image of stack.height x stack.width pixels.
void warp_image(const std::uint16_t* stored, const ImageStack& stack, const Sample& sample, std::size_t height,
                std::size_t width, float* view);

}  // namespace egaze::detail
