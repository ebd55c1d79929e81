// Checks at run time of assumptions that a rewritten program cannot verify before.
#pragma once

namespace egaze::detail {

// Each function registers an operator on its first call and returns the operator's name. The operators return their
// first argument, or throw if the assumption does not hold.

// Arguments: an image; the numbers of zeros to pad on the left, right, top and bottom; the numbers that the program was
// rewritten for, which must be equal.
const char* padding_test();

// Arguments: an image; the size to upsample it to, which must be twice its own; the number of channels that the program
// was rewritten for, which must be the image's.
const char* doubling_test();

}  // namespace egaze::detail
