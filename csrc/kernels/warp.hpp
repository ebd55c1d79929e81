// Views of a film: resampled, exposed, made noisy and cut out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "egaze/sample.hpp"

namespace egaze::detail {

// Writes the sample's image of height x width floats. `film` has films.height x films.width pixels.
void warp_film(const std::uint16_t* film, const FilmStack& films, const Sample& sample, std::size_t height,
               std::size_t width, float* image);

}  // namespace egaze::detail
