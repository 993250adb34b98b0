#include "schema/graph/diagnostic.h"

#include <gtest/gtest.h>

namespace weir::graph {
namespace {

TEST(Diagnostic, IsRenderedWithLineAndCaret) {
  const Source source{"dir/f.toml", "one\ntwo three\r\nfour"};
  EXPECT_EQ(render(diagnostic_at(source, 8, "bad", "do this")),
            "dir/f.toml:2:5: error: bad\ntwo three\n    ^\nhint: do this\n");
  EXPECT_EQ(render(diagnostic_at(source, 0, "bad")), "dir/f.toml:1:1: error: bad\none\n^\n");
  EXPECT_EQ(render(diagnostic_at(source, 999, "bad")), "dir/f.toml:3:5: error: bad\nfour\n    ^\n");
  EXPECT_EQ(render(diagnostic_for(source, "bad", "do")), "dir/f.toml: error: bad\nhint: do\n");
}

TEST(Diagnostic, IsHarmlessToTerminals) {
  const Source source{"f", "a\x1b[31m\xFF\xC2\x9B b"};
  EXPECT_EQ(render(diagnostic_at(source, 9, "\x1b]0;x\x07 'a\nb'")),
            "f:1:9: error: ?]0;x? 'a?b'\na?[31m\xEF\xBF\xBD? b\n        ^\n");
}

TEST(Diagnostic, CutsLongLines) {
  const std::string line = std::string(500, 'a') + "X" + std::string(500, 'b');
  EXPECT_EQ(render(diagnostic_at({"f", line}, 500, "bad")),
            "f:1:501: error: bad\n..." + std::string(80, 'a') + "X" + std::string(79, 'b') +
                "...\n" + std::string(83, ' ') + "^\n");
  EXPECT_EQ(render(diagnostic_at({"f", line}, 0, "bad")),
            "f:1:1: error: bad\n" + std::string(160, 'a') + "...\n^\n");
}

TEST(Diagnostic, PlacesAndOffsetsAreInverse) {
  const std::string text = "ab\n\xC3\xA4\xC3\xB6\tx\n\nend";
  for (size_t offset = 0; offset <= text.size(); ++offset) {
    if (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) continue;
    const Diagnostic d = diagnostic_at({"f", text}, offset, "");
    EXPECT_EQ(offset_of(text, d.line, d.column), offset);
  }
}

TEST(Diagnostic, ListsAreSortedAndCut) {
  const std::string text(200, 'x');
  Diagnostics all;
  for (size_t i = 120; i > 0; --i) all.push_back(diagnostic_at({"f", text}, i, "m"));
  all.push_back(all.back());
  tidy(all);
  ASSERT_EQ(all.size(), kDiagnosticsMax + 1);
  EXPECT_EQ(all[0].column, 2u);
  EXPECT_EQ(all[1].column, 3u);
  EXPECT_EQ(all.back().message, "too many problems; the first 50 are shown");
  EXPECT_EQ(to_error(all).code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace weir::graph
