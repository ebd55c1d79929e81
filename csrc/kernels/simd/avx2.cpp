// The inner loops for x86-64 with AVX2 and FMA.
#define EGAZE_ISA avx2
#define EGAZE_ISA_NAME "avx2"
#define EGAZE_LANES 8
#define EGAZE_ROWS 4
#define EGAZE_VECTORS 2
#define EGAZE_PIXELS 6
#include "primitives.inc"
