/* A small agent for a real engine: it registers with the stand-in for HCP Terraform over plain HTTP, takes a job, finishes it on the
 * first SIGTERM and ends at once on the second. Static, so that an image needs nothing else.
 *
 * TFC_ADDRESS=http://A.B.C.D:PORT, TFC_AGENT_TOKEN, TFC_AGENT_NAME; JOB_SECONDS: how long a job takes, without it until somebody
 * ends the run. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void on_signal(int number) {
    (void)number;
    signals++;
}

static struct sockaddr_in server;
static const char *token;

/* A request; the status, or -1 if nobody answers. */
static int ask(const char *path, const char *body, char *answer, size_t room) {
    char request[4096];
    int length = snprintf(request, sizeof request,
                          "POST /agent/%s HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nAuthorization: Bearer %s\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          path, token, strlen(body), body);
    int wire = socket(AF_INET, SOCK_STREAM, 0);
    if (wire < 0) return -1;
    if (connect(wire, (struct sockaddr *)&server, sizeof server) != 0) {
        close(wire);
        return -1;
    }
    for (int sent = 0; sent < length;) {
        ssize_t more = write(wire, request + sent, (size_t)(length - sent));
        if (more <= 0) break;
        sent += (int)more;
    }
    size_t used = 0;
    while (used + 1 < room) {
        ssize_t more = read(wire, answer + used, room - used - 1);
        if (more < 0 && signals > 0) continue;
        if (more <= 0) break;
        used += (size_t)more;
    }
    close(wire);
    answer[used] = 0;
    int status = -1;
    sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

/* The text of a field, or an empty one. */
static void field(const char *answer, const char *name, char *value, size_t room) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *found = strstr(answer, key);
    value[0] = 0;
    if (found == NULL) return;
    found += strlen(key);
    size_t length = strcspn(found, "\"");
    if (length >= room) length = room - 1;
    memcpy(value, found, length);
    value[length] = 0;
}

static void rest(void) {
    struct timespec pause = {0, 50 * 1000 * 1000};
    nanosleep(&pause, NULL);
}

int main(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGQUIT, &action, NULL);
    setvbuf(stdout, NULL, _IONBF, 0);

    char host[64] = "";
    int port = 80;
    const char *address = getenv("TFC_ADDRESS");
    token = getenv("TFC_AGENT_TOKEN");
    const char *name = getenv("TFC_AGENT_NAME");
    const char *seconds = getenv("JOB_SECONDS");
    if (address == NULL || token == NULL || sscanf(address, "http://%63[0-9.]:%d", host, &port) < 1) {
        printf("[ERROR] agent: TFC_ADDRESS and TFC_AGENT_TOKEN are needed\n");
        return 1;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((unsigned short)port);
    inet_pton(AF_INET, host, &server.sin_addr);

    char answer[8192], agent[64] = "", job[64], path[128], body[256];
    int complained = 0;
    printf("[INFO]  agent: Starting: agent_name=%s\n", name ? name : "");
    snprintf(body, sizeof body, "{\"name\":\"%s\"}", name ? name : "");
    while (agent[0] == 0) {
        if (signals > 0) return 0;
        int status = ask("register", body, answer, sizeof answer);
        if (status == 200) {
            field(answer, "agent", agent, sizeof agent);
            printf("[INFO]  core: Agent registered successfully with HCP Terraform: agent_id=%s\n", agent);
        } else if (status == 401) {
            printf("[ERROR] agent: Agent registration failed: code=401 message=\"unauthorized\"\n");
            return 1;
        } else {
            if (!complained) printf("[ERROR] core: Agent registration failed, retrying: code=%d\n", status);
            complained = 1;
            rest();
        }
    }
    time_t began = 0;
    for (;;) {
        if (signals > 1) {
            snprintf(path, sizeof path, "%s/lost", agent);
            ask(path, "{}", answer, sizeof answer);
            printf("[WARN]  agent: Received second signal, exiting immediately\n");
            return 1;
        }
        snprintf(path, sizeof path, "%s/poll", agent);
        int status = ask(path, signals > 0 ? "{\"takes\":false}" : "{}", answer, sizeof answer);
        if (status == 401) {
            printf("[ERROR] agent: Agent token is no longer valid, exiting: code=401\n");
            return 1;
        }
        field(answer, "job", job, sizeof job);
        if (job[0] == 0) began = 0;
        if (job[0] != 0 && began == 0) {
            began = time(NULL);
            printf("[INFO]  core: Job received: job_id=%s\n", job);
        }
        if (began != 0 && seconds != NULL && time(NULL) - began >= atoi(seconds)) {
            snprintf(path, sizeof path, "%s/done", agent);
            ask(path, "{}", answer, sizeof answer);
            began = 0;
        } else if (status == 200 && job[0] == 0 && signals > 0) {
            snprintf(path, sizeof path, "%s/exit", agent);
            ask(path, "{}", answer, sizeof answer);
            printf("[INFO]  core: Shutdown complete\n");
            return 0;
        }
        if (signals < 2) rest();
    }
}
