// The engine's own checks, tested with programs that csrc/archive would refuse.
#include "torchscript_engine.hpp"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "egaze/error.hpp"
#include "expect_throws.hpp"
#include "predicting.hpp"

using namespace egaze;
using namespace egaze::detail;

namespace {

constexpr std::size_t kHeight = 8, kWidth = 6;

// Turns the attribute `self.constant` into a constant, so that the module has no attributes, as in an exported model.
// Freezing would not do this for a tensor that the program changes.
torch::jit::Module with_constant(const torch::jit::Module& written) {
  const auto graph = written.get_method("forward").graph()->copy();
  std::vector<torch::jit::Node*> attributes;
  for (torch::jit::Node* node : graph->nodes()) {
    if (node->kind() == c10::prim::GetAttr) attributes.push_back(node);
  }
  for (torch::jit::Node* node : attributes) {
    const torch::jit::WithInsertPoint here(node);
    node->output()->replaceAllUsesWith(graph->insertConstant(written.attr("constant")));
    node->destroy();
  }
  torch::jit::Module module("__torch__.Model");
  graph->inputs()[0]->setType(module.type());
  const c10::QualifiedName name("__torch__.Model.forward");
  module.type()->addMethod(module._ivalue()->compilation_unit()->create_function(name, graph));
  return module;
}

// A model of two classes whose program has these lines before it returns (probs, heatmap).
ModelArchive archive_of(const std::string& lines) {
  torch::jit::Module written("Written");
  written.register_attribute("constant", c10::TensorType::get(), torch::zeros({1, 1, kHeight, kWidth}));
  written.define(R"(
    def forward(self, image):
        probs = torch.softmax(torch.repeat(torch.mean(image, [2, 3]), [1, 2]), 1)
        heatmap = torch.mul(image, 1.0)
)" + lines + R"(
        return probs, heatmap
  )");
  std::stringstream stream;
  with_constant(written).save(stream);
  const std::string bytes = stream.str();
  ModelArchive archive;
  archive.bytes.assign(bytes.begin(), bytes.end());
  archive.spec.precision = "fp32";
  archive.spec.class_names = {"normal", "chf"};
  archive.spec.canvas_height_px = archive.spec.input_height_px = kHeight;
  archive.spec.canvas_width_px = archive.spec.input_width_px = kWidth;
  return archive;
}

class Model {
 public:
  explicit Model(const std::string& lines, const PredictorOptions& options = {})
      : archive_(archive_of(lines)), engine_(load_torchscript("model.pt", archive_, options)) {}

  // Predicts radiographs that each have a single grey level.
  std::vector<Prediction> answer(const std::vector<float>& levels) {
    std::vector<RadiographView> radiographs;
    radiographs.reserve(levels.size());
    for (const float& level : levels) radiographs.push_back({ImageView::dense(&level, PixelType::float32, 1, 1)});
    return predict(*engine_, archive_.spec, "model.pt", radiographs);
  }

 private:
  ModelArchive archive_;
  std::unique_ptr<Engine> engine_;
};

TEST(TorchScriptEngine, ReturnsTheOutputsOfTheProgram) {
  Model model("");
  const Prediction answer = model.answer({0.25f}).front();
  ASSERT_EQ(answer.heatmap.size(), kHeight * kWidth);
  for (const float value : answer.heatmap) EXPECT_NEAR(value, 0.25f, 1e-5f);
  EXPECT_EQ(answer.class_probs, (std::vector<float>{0.5f, 0.5f}));
}

TEST(TorchScriptEngine, RefusesOutputsThatTheSpecDoesNotPromise) {
  const std::pair<std::string, std::string> outputs[] = {
      {"heatmap = torch.to(heatmap, 4, False, False, None)", "heatmap values of type Long"},
      {"heatmap = torch.gt(heatmap, 0.5)", "no exported model does"},
      {"heatmap = torch.to(heatmap, 7, False, False, None)", "heatmap values of type Double"},
      {"heatmap = torch.to(heatmap, 15, False, False, None)", "heatmap values of type BFloat16"},
      {"heatmap = torch.to(heatmap, 5, False, False, None)", "heatmap values of type Half"},
      {"heatmap = torch.to(heatmap, 0, False, False, None)", "heatmap values of type Byte"},
      {"heatmap = torch.complex(heatmap, heatmap)", "no exported model does"},
      {"probs = torch.to(probs, 7, False, False, None)", "class probabilities of type Double"},
      {"heatmap = torch.quantize_per_tensor(heatmap, 0.1, 0, 13)", "no exported model does"},
      {"heatmap = torch.to_sparse(heatmap)", "no exported model does"},
      {"heatmap = torch.mul(heatmap, 1e30)", "heatmap values outside [0, 1]"},
      {"heatmap = torch.sub(heatmap, 1.0)", "heatmap values outside [0, 1]"},
      {"probs = torch.add(probs, 0.6)", "class probabilities outside [0, 1]"},
      {"heatmap = torch.div(torch.mul(heatmap, 0.0), 0.0)", "heatmap values that are not all finite"},
      {"heatmap = torch.div(heatmap, 0.0)", "heatmap values that are not all finite"},
      {"heatmap = torch.slice(heatmap, 2, 0, 1)", "heatmap values of shape [1, 1, 1, 6], promised [1, 1, 8, 6]"},
      {"heatmap = torch.squeeze(heatmap, 1)", "heatmap values of shape [1, 8, 6]"},
      {"probs = torch.repeat(probs, [1, 2])", "class probabilities of shape [1, 4]"}};
  for (const auto& [line, message] : outputs) {
    try {
      Model("        " + line).answer({0.25f});
      ADD_FAILURE() << line;
    } catch (const std::exception& error) {  // an Error, or an exception that the predictor converts to one
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << line << ": " << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << line;
    }
  }
  // An expanded tensor is copied to a dense one.
  EXPECT_NO_THROW(
      Model("        heatmap = torch.expand(torch.slice(heatmap, 3, 0, 1), [-1, -1, -1, 6])").answer({0.25f}));
}

// Casting a program to bfloat16 on loading must not hide the types of its own outputs.
TEST(TorchScriptEngine, RefusesTheSameOutputsInBfloat16) {
  PredictorOptions options;
  options.precision = Precision::bf16;
  for (const auto& [line, message] : std::initializer_list<std::pair<const char*, const char*>>{
           {"heatmap = torch.to(heatmap, 7, False, False, None)", "heatmap values of type Double"},
           {"heatmap = torch.to(heatmap, 5, False, False, None)", "heatmap values of type Half"},
           {"heatmap = torch.to(heatmap, 4, False, False, None)", "heatmap values of type Long"},
           {"probs = torch.to(probs, 7, False, False, None)", "class probabilities of type Double"},
           {"heatmap = torch.mul(heatmap, 1e30)", "heatmap values outside [0, 1]"}}) {
    Model model(std::string("        ") + line, options);
    EXPECT_THROWS(std::exception, message, model.answer({0.25f})) << line;
  }
  const Prediction answer = Model("", options).answer({0.25f}).front();
  ASSERT_EQ(answer.heatmap.size(), kHeight * kWidth);
  for (const float value : answer.heatmap) EXPECT_NEAR(value, 0.25f, 1e-3f);
  EXPECT_EQ(answer.class_probs, (std::vector<float>{0.5f, 0.5f}));
}

TEST(TorchScriptEngine, RefusesProgramsThatChangeConstantsOrAreRandom) {
  const std::pair<std::string, std::string> programs[] = {
      {"heatmap = torch.add(torch.add_(self.constant, image), 0.0)", "changes a constant"},
      {"heatmap = torch.relu_(torch.reshape(self.constant, [1, 1, 8, 6]))", "changes a constant"},
      {"heatmap = torch.clamp_(torch.slice(self.constant, 2, 0, 8), 0, 1)", "changes a constant"},
      {"heatmap = torch.dropout(heatmap, 0.5, True)", "does 'aten::dropout'"},
  };
  for (const auto& [line, message] : programs) EXPECT_THROWS(Error, message, Model("        " + line)) << line;
}

TEST(TorchScriptEngine, PredictionsDoNotDependOnEarlierRadiographs) {
  for (const char* line : {"heatmap = torch.add(self.constant, image)", "heatmap = self.constant",
                           "heatmap = torch.mul_(torch.add(self.constant, image), 0.5)"}) {
    Model model(std::string("        ") + line), after(std::string("        ") + line);
    for (float level : {0.0f, 1.0f, 0.75f}) after.answer({level});
    EXPECT_EQ(model.answer({0.25f}).front().heatmap, after.answer({0.25f}).front().heatmap) << line;
  }
}

TEST(TorchScriptEngine, ErrorsAreOneLine) {
  const auto message = [](const std::string& line) -> std::string {
    try {
      Model("        " + line).answer({0.25f});
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  };
  for (const char* line :
       {"heatmap = torch.view(heatmap, [7])", "heatmap = torch.mm(heatmap, heatmap)",
        "heatmap = torch.chunk(heatmap, 2, 3)[5]", "raise ValueError(\"first\\nsecond\\x1b[2J\\x07third\")"}) {
    const std::string said = message(line);
    EXPECT_FALSE(said.empty()) << line;
    EXPECT_LE(said.size(), 1100u) << line;
    EXPECT_EQ(std::ranges::count_if(Error(ErrorCode::model_failed, said).what() + std::string(),
                                    [](unsigned char letter) { return letter < ' ' || letter == 0x7F; }),
              0)
        << line;
  }
}

TEST(ErrorText, HoldsNoControlCharacters) {
  EXPECT_STREQ(Error(ErrorCode::model_failed,
                     "a\nb\r\x1b[2J\x7f\xc2\x9b"
                     "2J \xc3\xa9")
                   .what(),
               "a\\x0ab\\x0d\\x1b[2J\\x7f\\x9b2J \xc3\xa9");
}

}  // namespace
