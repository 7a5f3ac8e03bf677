// Exits with 0 when temporaries in co_await expressions are destroyed exactly once.
#include <coroutine>
#include <string>

static int live = 0;
struct Counted {
  Counted() { ++live; }
  Counted(const Counted&) { ++live; }
  Counted(Counted&&) noexcept { ++live; }
  ~Counted() { --live; }
};
struct Options {
  Counted counted;
  int number;
};
struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};
struct Ready {
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};
Ready Take(Options) { return {}; }
template <class F>
Ready Run(F f) {
  f();
  return {};
}
Task Try() {
  co_await Take(Options{{}, 3});
  Counted captured;
  co_await Run([captured] {});
}
int main() {
  Try();
  return live == 0 ? 0 : 1;
}
