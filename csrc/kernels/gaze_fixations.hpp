// Candidates for fixations, measured, merged, and dropped where they are short.
#pragma once

#include <span>
#include <vector>

#include "gaze_samples.hpp"

namespace egaze::detail {

// What does not depend on the method; the candidates rise and do not overlap.
FixationSearch search_result(const GazeSamples& gaze, const FixationRule& rule,
                             std::span<const SampleRange> candidates);

void require_rule(const FixationRule& rule);

// Whether a fixation of the samples first to last is as long as the rule demands, rounding of times aside.
bool is_long_enough(const GazeSamples& gaze, double duration_s, double min_duration_s);

// The time from the first sample to the end of the last one's interval.
double duration_s(const GazeSamples& gaze, std::size_t first, std::size_t last);

}  // namespace egaze::detail
