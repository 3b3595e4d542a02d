package lambda

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

var (
	// errReplaced is a function that another has taken the place of since it was looked up.
	errReplaced = errors.New("the function was replaced")
	// errNoFunction is a call of a function that is not there, or not any more.
	errNoFunction = errors.New("the function does not exist")
)

// functions are all functions of the host: those of its configuration, for good, and those that were created through the API. A
// change of a created one puts another in its place, so that a function itself never changes; whoever keeps one keeps its name.
type functions struct {
	logDir string

	mu   sync.Mutex
	all  map[string]*function
	logs map[string]*logFile // by name; those of functions that are gone stay open
}

func newFunctions(dir string) *functions {
	return &functions{logDir: filepath.Join(dir, "logs"), all: map[string]*function{}, logs: map[string]*logFile{}}
}

// get is nil for a name that no function has.
func (fs *functions) get(name string) *function {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.all[name]
}

// list is a snapshot, sorted by name.
func (fs *functions) list() []*function {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var all []*function
	for _, fn := range fs.all {
		all = append(all, fn)
	}
	slices.SortFunc(all, func(a, b *function) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (fs *functions) put(fn *function) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if old := fs.all[fn.Name]; old != nil {
		fn.counts = old.counted()
	}
	fs.all[fn.Name] = fn
}

func (fs *functions) remove(name string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.all, name)
}

// invoke calls the function that has the name now; errNoFunction if none has.
func (fs *functions) invoke(ctx context.Context, name, id string, event []byte, clientContext string) (result, error) {
	for {
		fn := fs.get(name)
		if fn == nil {
			return result{}, errNoFunction
		}
		if res, err := fn.invoke(ctx, id, event, clientContext); !errors.Is(err, errReplaced) {
			return res, err
		}
	}
}

// log is the one log file of all that have the name.
func (fs *functions) log(name string) (*logFile, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if l := fs.logs[name]; l != nil {
		return l, nil
	}
	l, err := openLog(filepath.Join(fs.logDir, name+".log"))
	if err == nil {
		fs.logs[name] = l
	}
	return l, err
}

// shutdown ends all processes. No call is in flight any more.
func (fs *functions) shutdown() {
	var group sync.WaitGroup
	for _, fn := range fs.list() {
		group.Go(fn.shutdown)
	}
	group.Wait()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, l := range fs.logs {
		l.close()
	}
}
