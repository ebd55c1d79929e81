// What DCMTK would print.
#pragma once

#include <string>

namespace egaze::detail {

// Keeps DCMTK from printing while any radiograph is read; the program's own log levels come back after the last.
class QuietDcmtk {
 public:
  QuietDcmtk();
  ~QuietDcmtk();
  QuietDcmtk(const QuietDcmtk&) = delete;
  QuietDcmtk& operator=(const QuietDcmtk&) = delete;
};

// The first that DCMTK's JPEG library has warned of in this thread, since it was cleared, under a QuietDcmtk: for
// damaged data it makes something up, and goes on.
std::string& jpeg_damage();

}  // namespace egaze::detail
