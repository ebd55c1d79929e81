// What a rewritten program takes for granted and cannot know before it runs, tested as it runs.
#pragma once

namespace egaze::detail {

// The names of operators that hand on their first input, or throw. A program can call them from the first call of these
// functions on.

// Its inputs: an image; the zeros on the left, on the right, at the top and at the bottom that it is to be padded with;
// those that the program was rewritten for.
const char* padding_test();

// Its inputs: an image; the size that it is to be brought to, and the channels that the program was rewritten for. The
// size must be twice the image's.
const char* doubling_test();

}  // namespace egaze::detail
