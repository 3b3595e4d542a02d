package board

import (
	"context"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/landing/microbatch"
)

const (
	// fileCount is how many files are shown, filesPerLook how many one look counts at most.
	fileCount    = 20
	filesPerLook = 1000
	// pipeEvery is how often the pipe is asked while nothing changes.
	pipeEvery = 5 * time.Second
)

// pipe remembers what the load history said, so that only its end is read again.
type pipe struct {
	api *microbatch.Pipe
	// since is the time of the newest file that was seen; those of that very time are in edge.
	since time.Time
	edge  map[string]bool
	begun bool

	rows  int64
	asked time.Time
	state dashboard.Pipe
	files []dashboard.File
}

func (p *pipe) look(ctx context.Context, rows int64) (dashboard.Pipe, []dashboard.File, error) {
	if rows == p.rows && time.Since(p.asked) < pipeEvery && p.state.Pending == 0 && p.state.State == "RUNNING" {
		return p.state, p.files, nil
	}
	status, err := p.api.Status(ctx)
	if err != nil {
		return p.state, p.files, err
	}
	files, err := p.api.Files(ctx, p.since, filesPerLook)
	if err != nil {
		return p.state, p.files, err
	}
	p.state.State, p.state.Pending = status.State, status.Pending
	p.add(files)
	p.rows, p.asked = rows, time.Now()
	return p.state, p.files, nil
}

// add counts the new ones among files, which come newest first. What was there at the first look is shown and does not
// count.
func (p *pipe) add(files []microbatch.File) {
	var fresh []dashboard.File
	edge := map[string]bool{}
	newest := p.since
	if len(files) > 0 && files[0].Loaded.After(newest) {
		newest = files[0].Loaded
	}
	for _, f := range files {
		if f.Loaded.Equal(newest) {
			edge[f.Name] = true
		}
		if f.Loaded.Before(p.since) || f.Loaded.Equal(p.since) && p.edge[f.Name] {
			continue
		}
		fresh = append(fresh, shown(f))
		switch {
		case !p.begun:
		case f.Status == failedLoad:
			p.state.Failed++
		default:
			p.state.Loaded++
		}
	}
	if newest.Equal(p.since) {
		for name := range p.edge {
			edge[name] = true
		}
	}
	p.since, p.edge, p.begun = newest, edge, true
	p.files = append(fresh, p.files...)
	p.files = p.files[:min(len(p.files), fileCount):min(len(p.files), fileCount)]
}

const failedLoad = "Load failed"

func shown(f microbatch.File) dashboard.File {
	out := dashboard.File{Name: f.Name, Rows: f.Rows, Bytes: f.Bytes, Status: f.Status, Loaded: f.Loaded.UnixMilli()}
	if f.Line > 0 {
		out.Error = where(f)
	}
	return out
}

// where says which place of a file was refused.
func where(f microbatch.File) string {
	text := "refused in line " + strconv.FormatInt(f.Line, 10)
	if f.Column != "" {
		text += ", column " + f.Column
	}
	return text
}
