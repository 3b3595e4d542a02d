package lambda

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/snowstream/snowstream/local/lambda/code"
)

// creation is a function that was created through the API, as it lies on disk. It is never changed in place.
type creation struct {
	Name         string            `json:"name"`
	Runtime      string            `json:"runtime"`
	Handler      string            `json:"handler"`
	Role         string            `json:"role"`
	Description  string            `json:"description,omitempty"`
	Timeout      int               `json:"timeout"` // s
	MemoryMB     int               `json:"memoryMB"`
	Environment  map[string]string `json:"environment,omitempty"`
	Architecture string            `json:"architecture"`
	Tags         map[string]string `json:"tags,omitempty"`
	Modified     time.Time         `json:"modified"`
	Revision     string            `json:"revision"`
	Package      string            `json:"package"` // the file of its code: PACKAGE.zip, unpacked PACKAGE
	Sum          string            `json:"sum"`     // of the package
	Size         int               `json:"size"`    // of the package, in bytes
}

// touch gives the function the next revision.
func (c *creation) touch() { c.Modified, c.Revision = time.Now().UTC(), uuid.NewString() }

// workshop makes the functions that people create. On disk functions/NAME.json decides: it is written after the package that it
// names, which is never changed. A package is unpacked anew by each process.
type workshop struct {
	cfg       Config
	place     place
	store     *store
	functions *functions
	settings  string // the folder of NAME.json
	packages  string // the folder of PACKAGE.zip and PACKAGE, as an absolute path: functions run in it
}

// openWorkshop brings back what was created before, and removes packages that nothing names.
func openWorkshop(cfg Config, p place, st *store, functions *functions) (*workshop, error) {
	packages, err := filepath.Abs(filepath.Join(cfg.Dir, "code"))
	if err != nil {
		return nil, err
	}
	w := &workshop{cfg: cfg, place: p, store: st, functions: functions, settings: filepath.Join(cfg.Dir, "functions"), packages: packages}
	entries, err := os.ReadDir(w.settings)
	if err != nil {
		return nil, fmt.Errorf("recover created functions: %w", err)
	}
	var all []*creation
	for _, entry := range entries {
		path := filepath.Join(w.settings, entry.Name())
		if !strings.HasSuffix(path, ".json") { // a temporary file, never acknowledged
			err = os.Remove(path)
		} else {
			made := &creation{}
			err = st.load(path, made)
			all = append(all, made)
		}
		if err != nil {
			return nil, fmt.Errorf("recover created functions: %w", err)
		}
	}
	if err := w.sweep(all); err != nil {
		return nil, fmt.Errorf("recover created functions: %w", err)
	}
	for _, made := range all {
		if err := w.revive(made); err != nil {
			return nil, fmt.Errorf("recover function %s: %w", made.Name, err)
		}
	}
	return w, nil
}

// sweep removes packages without a function, and all that was unpacked.
func (w *workshop) sweep(all []*creation) error {
	named := map[string]bool{}
	for _, made := range all {
		named[made.Package+".zip"] = true
	}
	entries, err := os.ReadDir(w.packages)
	for _, entry := range entries {
		if !named[entry.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(w.packages, entry.Name())))
		}
	}
	return err
}

func (w *workshop) revive(made *creation) error {
	if w.functions.get(made.Name) != nil {
		return fmt.Errorf("it is in the host's configuration, too: remove %s to forget what was created", w.path(made.Name))
	}
	pack, err := os.ReadFile(w.packed(made.Package))
	if err == nil && code.Sum(pack) != made.Sum {
		err = errors.New("its checksum does not fit")
	}
	if err == nil {
		err = code.Unpack(pack, w.unpacked(made.Package))
	}
	if err != nil {
		return fmt.Errorf("read its package %s: %w; restore it, or remove %s to forget the function", w.packed(made.Package), err, w.path(made.Name))
	}
	fn, err := w.build(made)
	if err == nil {
		w.functions.put(fn)
	}
	return err
}

func (w *workshop) path(name string) string   { return filepath.Join(w.settings, name+".json") }
func (w *workshop) packed(id string) string   { return filepath.Join(w.packages, id+".zip") }
func (w *workshop) unpacked(id string) string { return filepath.Join(w.packages, id) }

// keep makes a package durable, unpacks it, and notes it in made.
func (w *workshop) keep(pack []byte, made *creation) error {
	id := uuid.NewString()
	err := code.Unpack(pack, w.unpacked(id))
	if err == nil {
		err = w.store.write(w.packed(id), pack)
	}
	if err == nil {
		err = w.store.syncFolder(w.packages)
	}
	if err != nil {
		return errors.Join(err, w.discard(id))
	}
	made.Package, made.Sum, made.Size = id, code.Sum(pack), len(pack)
	return nil
}

// discard needs no sync: what comes back after a power loss is swept.
func (w *workshop) discard(id string) error {
	return errors.Join(os.RemoveAll(w.unpacked(id)), removeIfThere(w.packed(id)))
}

// publish makes a function durable and puts it in its place. After an error nobody knows which one the disk will have after a power
// loss, so its package stays: the next start sweeps it, unless it is named.
func (w *workshop) publish(made *creation) error {
	fn, err := w.build(made)
	if err != nil {
		return err
	}
	if err := w.store.save(w.path(made.Name), made); err != nil {
		return err
	}
	w.functions.put(fn)
	return nil
}

// forget removes a function for good.
func (w *workshop) forget(name string) error {
	if err := os.Remove(w.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := w.store.syncFolder(w.settings); err != nil {
		return err
	}
	w.functions.remove(name)
	return nil
}

// build makes the function that runs what was created.
func (w *workshop) build(made *creation) (*function, error) {
	env := maps.Clone(w.cfg.CreatedEnvironment)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, made.Environment)
	env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + made.Runtime
	folder := w.unpacked(made.Package)
	fn, err := newFunction(w.cfg, w.place, w.functions, Function{
		Name: made.Name, Command: code.Command(made.Runtime, folder, w.python()), Environment: env,
		Timeout: time.Duration(made.Timeout) * time.Second, MemoryMB: made.MemoryMB,
	})
	if err == nil {
		fn.folder, fn.handler = folder, made.Handler
		fn.made.Store(made)
	}
	return fn, err
}

// python is the program of Python functions. One that was created while there was a Python fails by this name without it.
func (w *workshop) python() string {
	if w.cfg.Python == "" {
		return "python3"
	}
	return w.cfg.Python
}
