// The inner loops for x86-64 with AVX-512 F, BW, DQ and VL.
#include <immintrin.h>

#define EGAZE_ISA avx512
#define EGAZE_ISA_NAME "avx512"
#define EGAZE_LANES 16
#define EGAZE_ROWS 8
#define EGAZE_VECTORS 2
#define EGAZE_PIXELS 14
#include "primitives.inc"
