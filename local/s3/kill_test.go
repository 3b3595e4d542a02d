package s3

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/internal/child"
)

// victimDir tells the test binary to be a server that is going to be killed.
const victimDir = "S3_TEST_VICTIM_DIR"

// TestVictim is the child process of TestKill.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		return // not a test by itself: TestKill starts it as a process of its own
	}
	server, err := Open(Config{Dir: dir, Region: testRegion, AccountID: testAccount})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("URL", httptest.NewServer(server).URL)
	select {}
}

// TestKill kills servers in the middle of concurrent writes. What was acknowledged must be there afterwards, whole.
func TestKill(t *testing.T) {
	s := start(t, Config{}).bucket()
	acknowledged := map[string]string{}
	for round := range 5 {
		s.kill(acknowledged, func(client *sdk.Client, w, i int) (string, string, error) {
			key, text := fmt.Sprintf("%d/%d", w, i%7), strings.Repeat(fmt.Sprintf("round %d write %d ", round, i), 500)
			_, err := client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String(key), Body: strings.NewReader(text)})
			return key, text, err
		})
		for key, text := range acknowledged {
			got, err := s.get(key)
			// A write that was under way may have taken the place of the last one acknowledged.
			if err != nil || got != text && !whole(got, round) {
				t.Fatalf("round %d: %s holds %.40q..., %v; acknowledged was %.40q...", round, key, got, err, text)
			}
			acknowledged[key] = got
		}
	}
}

// kill has eight writers change objects of a server in a process of its own, which is killed in the middle of that, and opens the
// folder again. Each change that was acknowledged is noted as change returns it, by its name.
func (s *stack) kill(acknowledged map[string]string, change func(client *sdk.Client, writer, i int) (name, text string, err error)) {
	s.t.Helper()
	s.stop()
	victim, url := startVictim(s.t, s.config.Dir)
	client := sdk.New(s.client.Options(), func(o *sdk.Options) { o.BaseEndpoint = aws.String(url) })
	var mu sync.Mutex
	var count atomic.Int32
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := 0; ; i++ {
				name, text, err := change(client, w, i)
				if err != nil {
					return
				}
				mu.Lock()
				acknowledged[name] = text
				mu.Unlock()
				if count.Add(1) > 60 {
					_ = victim.Process.Kill()
				}
			}
		})
	}
	writers.Wait()
	_ = victim.Wait()
	s.open()
}

// whole tells whether a text is a complete one of the given round.
func whole(text string, round int) bool {
	unit := text[:len(text)/500]
	return strings.HasPrefix(text, fmt.Sprintf("round %d ", round)) && strings.Repeat(unit, 500) == text
}

func startVictim(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	victim := child.Bind(exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$"))
	victim.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "URL "); ok {
			return victim, url
		}
	}
	t.Fatal("the child process did not start")
	return nil, ""
}
