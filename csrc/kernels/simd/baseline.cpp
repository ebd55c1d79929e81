// The inner loops for instructions that every processor of the target architecture has.
#define EGAZE_ISA baseline
#define EGAZE_ISA_NAME "baseline"
#define EGAZE_LANES 4
#define EGAZE_ROWS 4
#define EGAZE_VECTORS 2
#define EGAZE_PIXELS 6
#include "primitives.inc"
