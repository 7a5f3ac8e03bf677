#include "adapters/posix/new_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/posix/files.h"
#include "adapters/posix/temp_tree.h"

namespace fustor::posix {
namespace {

std::string Content(const TempTree& temp, std::string_view path) {
  return OpenFiles()->Read(temp.At(path), 1 << 20).value_or("(cannot be read)");
}

// Names of everything in the directory, temporary files too.
std::size_t CountIn(const std::string& path) {
  struct stat st{};
  std::size_t count = 0;
  for (const char* name : {"/f", "/link", "/fifo"}) {
    count += lstat((path + name).c_str(), &st) == 0 ? 1 : 0;
  }
  const std::string temporary = "/.f.tmp-" + std::to_string(getpid());
  EXPECT_NE(lstat((path + temporary).c_str(), &st), 0);
  return count;
}

TEST(NewFile, IsThereAsAWholeOrNotAtAll) {
  const TempTree temp;
  {
    Result<NewFile> file = NewFile::Create(temp.At("/f"));
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    ASSERT_TRUE(file->Write("half").ok());
  }
  EXPECT_EQ(CountIn(temp.path()), 0u);
  temp.Write("/f", "old");
  temp.SetMode("/f", 0640);
  {
    Result<NewFile> file = NewFile::Create(temp.At("/f"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write("half").ok());
    EXPECT_EQ(Content(temp, "/f"), "old");
  }
  EXPECT_EQ(Content(temp, "/f"), "old");
  Result<NewFile> file = NewFile::Create(temp.At("/f"));
  ASSERT_TRUE(file.ok());
  const std::string large(300'000, 'x');
  ASSERT_TRUE(file->Write(large).ok());
  ASSERT_TRUE(file->Write("end").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Content(temp, "/f"), large + "end");
  struct stat st{};
  ASSERT_EQ(stat(temp.At("/f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0640u);
  EXPECT_EQ(CountIn(temp.path()), 1u);
}

TEST(NewFile, FollowsLinksAndLeavesDevicesWhatTheyAre) {
  const TempTree temp;
  temp.Write("/f", "old");
  temp.Symlink("f", "/link");
  Result<NewFile> file = NewFile::Create(temp.At("/link"));
  ASSERT_TRUE(file.ok() && file->Write("new").ok() && file->Commit().ok());
  EXPECT_EQ(Content(temp, "/f"), "new");
  struct stat st{};
  ASSERT_EQ(lstat(temp.At("/link").c_str(), &st), 0);
  EXPECT_TRUE(S_ISLNK(st.st_mode));

  ASSERT_EQ(mkfifo(temp.At("/fifo").c_str(), 0600), 0);
  const Fd reader(open(temp.At("/fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Result<NewFile> fifo = NewFile::Create(temp.At("/fifo"));
  ASSERT_TRUE(fifo.ok() && fifo->Write("x").ok() && fifo->Commit().ok());
  char byte = 0;
  EXPECT_EQ(read(reader.get(), &byte, 1), 1);
  ASSERT_EQ(lstat(temp.At("/fifo").c_str(), &st), 0);
  EXPECT_TRUE(S_ISFIFO(st.st_mode));
}

TEST(NewFile, SaysWhyItCannotBe) {
  const TempTree temp;
  temp.MakeDir("/dir");
  EXPECT_EQ(NewFile::Create(temp.At("/dir")).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(NewFile::Create("").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(NewFile::Create(temp.At("/none/f")).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace fustor::posix
