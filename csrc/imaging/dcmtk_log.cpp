#if EGAZE_HAVE_DCMTK

#include "dcmtk_log.hpp"

#include <dcmtk/config/osconfig.h>  // DCMTK's headers need it before

#include <dcmtk/dcmjpeg/djutils.h>
#include <dcmtk/oflog/appender.h>
#include <dcmtk/oflog/oflog.h>
#include <dcmtk/oflog/spi/logevent.h>

#include <mutex>
#include <string_view>

namespace egaze::detail {
namespace {

namespace log4cplus = dcmtk::log4cplus;

class JpegDamage : public log4cplus::Appender {
 public:
  ~JpegDamage() override { destructorImpl(); }
  void close() override {}

 protected:
  void append(const log4cplus::spi::InternalLoggingEvent& event) override {
    const std::string_view said(event.getMessage().c_str());
    const bool damaged = said.starts_with("Corrupt JPEG data") && said.find("extraneous") == std::string_view::npos;
    if (jpeg_damage().empty() && damaged) jpeg_damage() = said;
  }
};

struct State {
  std::mutex mutex;
  int users = 0;
  log4cplus::LogLevel level = 0, jpeg_level = 0;
  log4cplus::SharedAppenderPtr damage{new JpegDamage};
};

State& state() {
  static auto* state = new State;  // never deleted, because DCMTK's log may be destroyed before it
  return *state;
}

}  // namespace

QuietDcmtk::QuietDcmtk() {
  State& kept = state();
  const std::lock_guard lock(kept.mutex);
  if (kept.users++ > 0) return;
  OFLog::getLogger("egaze");  // creating the first logger initializes the levels
  OFLogger root = log4cplus::Logger::getRoot();
  kept.level = root.getLogLevel();
  root.setLogLevel(OFLogger::OFF_LOG_LEVEL);
  kept.jpeg_level = DCM_dcmjpegLogger.getLogLevel();
  DCM_dcmjpegLogger.setLogLevel(OFLogger::WARN_LOG_LEVEL);
  DCM_dcmjpegLogger.setAdditivity(false);
  DCM_dcmjpegLogger.addAppender(kept.damage);
}

QuietDcmtk::~QuietDcmtk() {
  State& kept = state();
  const std::lock_guard lock(kept.mutex);
  if (--kept.users > 0) return;
  DCM_dcmjpegLogger.removeAppender(kept.damage);
  DCM_dcmjpegLogger.setAdditivity(true);
  DCM_dcmjpegLogger.setLogLevel(kept.jpeg_level);
  log4cplus::Logger::getRoot().setLogLevel(kept.level);
}

std::string& jpeg_damage() {
  thread_local std::string first;
  return first;
}

}  // namespace egaze::detail

#endif
