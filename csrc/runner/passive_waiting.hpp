// How OpenMP's threads wait for work.
#pragma once

namespace egaze::runner {

// Lets OpenMP's threads sleep while they wait, unless the environment says how they shall. Those of GNU's library would
// spin for milliseconds, which brings a forward pass to a standstill where anything else uses the processors.
//
// That library reads OMP_WAIT_POLICY when it is loaded, before main begins. So on Linux this program has started itself
// once more by then, before any library was initialised; elsewhere this sets the variable, which LLVM's library reads
// when the first parallel region begins.
void wait_passively();

}  // namespace egaze::runner
