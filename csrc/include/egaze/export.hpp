// Symbol visibility: the shared library exports what is marked EGAZE_API and hides everything else.
#pragma once

#if defined(__GNUC__) || defined(__clang__)
#define EGAZE_API __attribute__((visibility("default")))
#define EGAZE_LOCAL __attribute__((visibility("hidden")))
#else
#define EGAZE_API
#define EGAZE_LOCAL
#endif
