// Sets how OpenMP's threads wait for work.
#pragma once

namespace egaze::runner {

// Makes OpenMP's threads sleep while they wait, unless the environment already sets how they wait. By default, threads
// of GNU's OpenMP library spin for milliseconds, which nearly stops a forward pass when other programs use the
// processors.
//
// GNU's library reads OMP_WAIT_POLICY when it is loaded, before main begins. On Linux the program therefore sets the
// variable and executes itself again before any library is initialized. Elsewhere this function sets the variable,
// which LLVM's OpenMP library reads when the first parallel region begins.
void wait_passively();

}  // namespace egaze::runner
