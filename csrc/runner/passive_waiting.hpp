// How OpenMP's threads wait for work.
#pragma once

namespace egaze::runner {

// Lets OpenMP's threads sleep while they wait, unless the environment says how they shall. Those of GNU's library would
// spin for milliseconds, which brings a forward pass to a standstill where anything else uses the processors. It reads
// OMP_WAIT_POLICY before main begins, so the program is started once more, with `arguments`, where that can be done.
void wait_passively(char** arguments);

}  // namespace egaze::runner
