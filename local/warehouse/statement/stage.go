package statement

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/session"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

func (x *execution) createStage(st *dialect.CreateStage) (*answer.Result, error) {
	o := &catalog.Object{Kind: "STAGE", Name: st.Name, Comment: st.Comment, Body: catalog.Body{URL: st.URL, Integration: st.Integration, Options: st.Format,
		FormatName: stage.FormatName(st.Format, x.Session.Env())}}
	if st.Temporary {
		o.Body.Session = x.Session.ID
	}
	if err := stage.CheckStage(x.runner.Catalog, o); err != nil {
		return nil, err
	}
	said, err := x.create(o, st.OrReplace, st.IfNotExists)
	if err == nil && strings.HasSuffix(*said.Rows[0][0], "created.") {
		said = answer.Message(answer.TypeDDL, "Stage area %s successfully created.", st.Name.Object)
	}
	return said, err
}

func (x *execution) listStage(st *dialect.List) (*answer.Result, error) {
	_, p, err := stage.Locate(x.runner.Catalog, st.Stage)
	if err != nil {
		return nil, err
	}
	files, err := x.runner.Files.ListFiles(x.ctx, p, st.Pattern)
	if err != nil {
		return nil, err
	}
	t := answer.NewTable(answer.TypeSelect, "name", "size", "md5", "last_modified")
	for _, f := range files {
		t.Add(p.Shown(f.Key), f.Size, strings.Trim(f.ETag, `"`), f.Modified.UTC().Format(time.RFC1123))
	}
	return t.Res, nil
}

// removeFiles does REMOVE. What is removed is gone, whatever becomes of the transaction around it.
func (x *execution) removeFiles(st *dialect.Remove) (*answer.Result, error) {
	_, p, err := stage.Locate(x.runner.Catalog, st.Stage)
	if err != nil {
		return nil, err
	}
	files, err := x.runner.Files.ListFiles(x.ctx, p, st.Pattern)
	if err != nil {
		return nil, err
	}
	t := answer.NewTable(answer.TypeSelect, "name", "result")
	for _, f := range files {
		if err := x.runner.Files.Remove(x.ctx, p, f.Key); err != nil {
			return nil, fault.New(100183, "XX000", "Cannot remove %s: %v.", p.Shown(f.Key), err)
		}
		t.Add(p.Shown(f.Key), "removed")
	}
	return t.Res, nil
}

// transfer does PUT and GET: it says where the client finds or leaves the files.
func (x *execution) transfer(st *dialect.Transfer) (*answer.Result, error) {
	_, p, err := stage.Locate(x.runner.Catalog, st.Stage)
	if err != nil {
		return nil, err
	}
	if p.Folder == "" {
		return nil, fault.Unsupported("PUT and GET of an external stage: use the bucket")
	}
	t := &answer.Transfer{Put: st.Put, Local: st.Local, Parallel: st.Parallel, AutoCompress: st.AutoCompress, Compression: st.Compression, Overwrite: st.Overwrite}
	res := &answer.Result{Kind: answer.TypeSelect, Transfer: t}
	if !st.Put {
		t.AutoCompress, t.Compression = false, ""
		files, err := x.runner.Files.ListFiles(x.ctx, p, st.Pattern)
		for _, f := range files {
			t.Sources, t.Addresses = append(t.Sources, f.Key), append(t.Addresses, x.runner.Files.Address(p, f.Key, "get"))
		}
		return res, err
	}
	t.Local, t.Sources = "", []string{st.Local}
	prefix := p.Prefix
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	name, may := path.Base(filepath.ToSlash(st.Local)), "create"
	if st.Overwrite {
		may = "put"
	}
	wild := strings.LastIndexAny(name, "*?")
	renamed := st.AutoCompress && !packed(name)
	there, err := x.isThere(p.At(prefix), name, wild >= 0, renamed)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Session.Client == "Go" && !st.Overwrite && (there || wild >= 0):
		// This driver finds what is there, and skips it, in a folder only. But given one it stores a stream as nothing, and a
		// shorter file over the beginning of a longer one.
		t.Folder, err = x.runner.Files.Folder(p)
		return res, err
	case x.Session.Client == "Go":
		// Of a pattern it asks for the address of a file as the pattern up to its last wildcard with the name behind it.
		name = name[wild+1:]
	case x.Internal && (wild >= 0 || renamed):
		// For itself version 4 of the Python connector asks for no address of a single file. In a folder it looks for what is
		// there in a wrong place, so that it is told to overwrite.
		if there && !st.Overwrite {
			return nil, fault.Unsupported("PUT of several files, or of one to be compressed, over those that the stage has: set OVERWRITE, or compress it before")
		}
		t.Overwrite = true
		t.Folder, err = x.runner.Files.Folder(p)
		return res, err
	}
	if wild >= 0 {
		t.Parallel = 1 // each file asks for its address after the one before has come
	}
	if renamed {
		may += ",zips"
	}
	t.Addresses = []string{x.runner.Files.Address(p, prefix+name, may)}
	return res, nil
}

// isThere says whether what a PUT will store is in the stage: the one file, which may get another name, or any, of a pattern.
func (x *execution) isThere(p stage.Place, name string, pattern, renamed bool) (bool, error) {
	switch {
	case pattern:
		name = ""
	case renamed:
		name += ".gz"
	}
	files, err := x.runner.Files.ListFiles(x.ctx, p.At(p.Prefix+name), "")
	return slices.ContainsFunc(files, func(f stage.File) bool { return pattern || f.Key == p.Prefix+name }), err
}

// packed tells the names of files that clients do not compress again.
func packed(name string) bool {
	return slices.Contains([]string{".gz", ".bz2", ".br", ".zst", ".deflate", ".raw_deflate", ".parquet", ".orc"}, strings.ToLower(path.Ext(name)))
}

// createIntegration records who may read what. The external id is minted unless one is given, and survives until the
// integration is replaced.
func (x *execution) createIntegration(st *dialect.CreateIntegration) (*answer.Result, error) {
	if provider := st.Options.Text("STORAGE_PROVIDER"); !strings.EqualFold(provider, "S3") {
		return nil, fault.Unsupported("STORAGE_PROVIDER = " + provider)
	}
	if _, ok := st.Options.Get("STORAGE_ALLOWED_LOCATIONS"); !ok {
		return nil, fault.New(2, "22023", "SQL compilation error:\nMissing option(s): [STORAGE_ALLOWED_LOCATIONS].")
	}
	external := st.Options.Text("STORAGE_AWS_EXTERNAL_ID")
	if external == "" {
		external = strings.ToUpper(x.runner.Account.Name) + "_SFCRole=2_" + session.NewToken()[:24]
	}
	o := &catalog.Object{Kind: "INTEGRATION", Name: dialect.Name{Object: st.Name}, Comment: st.Comment, Body: catalog.Body{Options: st.Options, ExternalID: external}}
	return x.create(o, st.OrReplace, st.IfNotExists)
}
