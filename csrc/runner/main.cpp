// egaze-run: films in, JSON or CSV and heatmaps out.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "answers.hpp"
#include "arguments.hpp"
#include "bench.hpp"
#include "egaze/error.hpp"
#include "egaze/predictor.hpp"
#include "egaze/radiograph.hpp"
#include "film_list.hpp"
#include "heatmap_files.hpp"
#include "output_names.hpp"
#include "passive_waiting.hpp"

namespace {

using namespace egaze;
using namespace egaze::runner;

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

void print_error(const std::string& message) { std::fprintf(stderr, "egaze-run: %s\n", message.c_str()); }

bool print_result(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

std::string formats() {
  std::string text;
  for (const FileFormat& format : file_formats()) {
    text += format.name + ": ";
    text += format.readable ? "yes\n" : "no, needs " + format.missing + " (" + format.install_line + ")\n";
  }
  return text;
}

struct ReadFilm {
  std::size_t answer = 0;  // whose it is
  StoredFilm film;
};

// The predictions of films read; where the batch fails, film by film, so that one film's fault is that film's.
std::vector<std::optional<Prediction>> predictions(Predictor& predictor, const std::vector<ReadFilm>& read,
                                                   std::vector<Answer>& answers) {
  std::vector<Film> films;
  for (const ReadFilm& each : read) films.push_back({each.film.view(), each.film.table});
  std::vector<std::optional<Prediction>> found(read.size());
  if (read.size() > 1) {
    try {
      std::vector<Prediction> all = predictor.predict(films);
      std::ranges::move(all, found.begin());
      return found;
    } catch (const Error&) {
    }
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    try {
      found[i] = predictor.predict(films[i]);
    } catch (const Error& error) {
      answers[read[i].answer].error = error.what();
    }
  }
  return found;
}

// Heatmaps that could not be written. A full disk is no film's fault, and the answers are good, so it is told once.
struct Unwritten {
  std::size_t films = 0;
  std::string first_error;
};

// Reads the films of answers [begin, end) and answers for them.
void answer(Predictor& predictor, HeatmapFolder* folder, std::vector<Answer>& answers, std::size_t begin,
            std::size_t end, Unwritten& unwritten) {
  const ModelSpec& spec = predictor.spec();
  std::vector<ReadFilm> read;
  for (std::size_t i = begin; i < end; ++i) {
    try {
      read.push_back({i, read_film(answers[i].image, spec.presentation)});
      answers[i].notes = read.back().film.notes;
    } catch (const Error& error) {
      answers[i].error = error.what();
    }
  }
  const std::vector<std::optional<Prediction>> found = predictions(predictor, read, answers);
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!found[i]) continue;
    Answer& said = answers[read[i].answer];
    said.class_probs = found[i]->class_probs;
    if (!spec.heatmap_head) continue;
    said.heatmap_peak = heatmap_peak(*found[i]);
    try {
      if (folder != nullptr) said.files = folder->write(said.name, read[i].film, spec, *found[i]);
    } catch (const std::exception& error) {
      if (unwritten.films++ == 0) unwritten.first_error = error.what();
    }
  }
}

int predict(const Arguments& arguments) {
  const std::vector<std::string> films = film_list(arguments.images);
  if (arguments.bench > 0) return print_result(bench_json(arguments, films.front())) ? kDone : kFailed;
  std::optional<HeatmapFolder> folder;
  if (arguments.out_folder) folder.emplace(*arguments.out_folder);
  Predictor predictor(arguments.model, arguments.predictor);
  if (folder && !predictor.spec().heatmap_head) {
    print_error(arguments.model + " makes no heatmaps, so none are written to " + *arguments.out_folder);
  }

  std::vector<Answer> answers(films.size());
  const std::vector<std::string> names = output_names(films);
  for (std::size_t i = 0; i < films.size(); ++i) {
    answers[i].image = films[i];
    answers[i].name = names[i];
  }
  const bool progress = films.size() > 1 && isatty(STDERR_FILENO);
  const std::size_t batch = static_cast<std::size_t>(arguments.batch);
  bool failed = false;
  Unwritten unwritten;
  for (std::size_t begin = 0; begin < films.size(); begin += batch) {
    const std::size_t end = std::min(films.size(), begin + batch);
    answer(predictor, folder ? &*folder : nullptr, answers, begin, end, unwritten);
    for (std::size_t i = begin; i < end; ++i) {
      if (!answers[i].error.empty()) {
        print_error(answers[i].error);
        failed = true;
      } else if (!answers[i].notes.empty()) {
        print_error("note: " + answers[i].image + ": " + joined(answers[i].notes));
      }
    }
    if (progress) std::fprintf(stderr, "\r%zu of %zu films%s", end, films.size(), end == films.size() ? "\n" : "");
  }
  if (unwritten.films > 0) {
    print_error(unwritten.first_error);
    print_error("heatmaps of " + std::to_string(unwritten.films) + " of " + std::to_string(films.size()) +
                " films could not be written");
    failed = true;
  }
  const bool csv = arguments.output == Arguments::Output::csv;
  if (!print_result(csv ? answers_csv(predictor.spec(), answers)
                        : answers_json(arguments.model, predictor.spec(), answers))) {
    print_error("cannot write to standard output");
    return kFailed;
  }
  return failed ? kFailed : kDone;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  try {
    arguments = parse_arguments({argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0))});
  } catch (const std::exception& error) {
    print_error(std::string(error.what()) + " (see egaze-run --help)");
    return kWrongUsage;
  }
  if (arguments.action == Arguments::Action::predict) wait_passively();
  try {
    switch (arguments.action) {
      case Arguments::Action::help: return print_result(std::string(usage())) ? kDone : kFailed;
      case Arguments::Action::formats: return print_result(formats()) ? kDone : kFailed;
      case Arguments::Action::version:
        return print_result("egaze-run " EGAZE_VERSION ", torch " + torch_version() + "\n" + formats()) ? kDone
                                                                                                        : kFailed;
      case Arguments::Action::predict: return predict(arguments);
    }
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  return kFailed;
}
