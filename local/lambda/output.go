package lambda

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	logFileBytes = 4 << 20 // a log file is rotated at this size, and one old file is kept
	logTailBytes = 4 << 10 // what an invocation with LogType Tail gets back
	outputGrace  = time.Second
)

// logFile is what a function's processes print, bounded to two files of logFileBytes. Several processes share it.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open function log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("open function log: %w", err)
	}
	l.file, l.size = f, info.Size()
	return nil
}

// append is best effort: a full disk must not stop the function, so what cannot be written is lost.
func (l *logFile) append(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return
	}
	if l.size+int64(len(text)) > logFileBytes && l.size > 0 {
		l.file.Close()
		l.file = nil
		if os.Rename(l.path, l.path+".1") != nil || l.open() != nil {
			return
		}
	}
	n, _ := l.file.Write(text)
	l.size += int64(n)
}

func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// output is the pipe behind one process's stdout and stderr. The host writes its START, END and REPORT lines into the
// same pipe: whatever the process printed during a call lies before the call's REPORT, so meeting that line proves that
// the tail is complete. No other order holds between a pipe and the response on a socket.
type output struct {
	read, write *os.File
	log         *logFile
	met         chan struct{} // gets a token for each REPORT line
	done        chan struct{} // closed when the reader has ended

	mu   sync.Mutex
	mark []byte // the REPORT line to look for
	tail []byte
}

func newOutput(log *logFile) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &output{read: r, write: w, log: log, met: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// copy moves lines from the pipe to the log until all writers are gone or close has lost patience.
func (o *output) copy() {
	defer close(o.done)
	lines := bufio.NewReaderSize(o.read, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		o.log.append(line)
		o.remember(line)
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// remember keeps the end of the output and notices the REPORT line that end waits for.
func (o *output) remember(line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, line...)
	if extra := len(o.tail) - logTailBytes; extra > 0 {
		o.tail = append(o.tail[:0], o.tail[extra:]...)
	}
	if o.mark != nil && bytes.HasPrefix(line, o.mark) {
		o.mark = nil
		o.met <- struct{}{}
	}
}

// begin marks the start of a call. No other call uses the output until end.
func (o *output) begin(id string) {
	o.mu.Lock()
	o.tail, o.mark = nil, []byte("REPORT RequestId: "+id)
	o.mu.Unlock()
	fmt.Fprintf(o.write, "START RequestId: %s Version: %s\n", id, latestVersion)
}

// end marks the end of a call and returns the last 4 KiB of what was printed since begin.
func (o *output) end(id, status string, took time.Duration) []byte {
	report := fmt.Sprintf("END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms%s\n",
		id, id, float64(took)/float64(time.Millisecond), status)
	if _, err := o.write.WriteString(report); err != nil {
		<-o.done // the process is gone and the pipe closed: the reader has seen or will never see the rest
		o.log.append([]byte(report))
		o.remember([]byte(report[strings.Index(report, "\n")+1:]))
	}
	timer := time.NewTimer(outputGrace)
	defer timer.Stop()
	select {
	case <-o.met:
	case <-timer.C:
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mark = nil
	select {
	case <-o.met:
	default:
	}
	return bytes.Clone(o.tail)
}

// close ends the reader. A stray grandchild may hold the pipe open, so it is given a second and no more.
func (o *output) close() {
	o.write.Close()
	o.read.SetReadDeadline(time.Now().Add(outputGrace))
	<-o.done
	o.read.Close()
}
