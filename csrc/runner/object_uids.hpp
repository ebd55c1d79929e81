// UIDs of DICOM objects, which follow from their content; the same as Python's egaze.dicom_objects.uids.
#pragma once

#include <string>
#include <vector>

namespace egaze::runner {

// A UID of the form 2.25.UUID (DICOM PS3.5 B.2) from the SHA-256 of the parts.
std::string uid_of(const std::vector<std::string>& parts);

}  // namespace egaze::runner
