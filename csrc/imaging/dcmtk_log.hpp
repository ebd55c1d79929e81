// Control over DCMTK's log.
#pragma once

#include <string>

namespace egaze::detail {

// Keeps DCMTK from printing while any radiograph is read. When the last one has been read, the log levels that the
// program had set are restored.
class QuietDcmtk {
 public:
  QuietDcmtk();
  ~QuietDcmtk();
  QuietDcmtk(const QuietDcmtk&) = delete;
  QuietDcmtk& operator=(const QuietDcmtk&) = delete;
};

// The first warning of damaged data that DCMTK's JPEG decoder gave in this thread since this was last cleared. The
// decoder only warns and invents the missing pixels. Works only while a QuietDcmtk exists.
std::string& jpeg_damage();

}  // namespace egaze::detail
