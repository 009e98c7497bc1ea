/* A program that sleeps until it is told to end. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void on_signal(int number) {
    (void)number;
    signals++;
}

int main(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    /* A signal that came before this would be lost: the first process of a container has no default actions. */
    if (write(1, "ready\n", 6) != 6) return 1;
    while (signals == 0) pause();
    return 0;
}
