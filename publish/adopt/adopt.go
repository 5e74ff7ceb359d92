// Package adopt takes over a target that was filled by other means: a bucket or a web root that `aws s3 sync`, rclone
// or scp wrote for years, and that relying parties read every minute.
//
// It reads everything there once, by listing, and says of each object what it is to the master: by content, never by
// name. Nothing is written to the target. Taking over means to record in the publication log which bytes lay under
// which name. A sync may then put the master's bytes in the place of exactly these, without removing them first, so
// that there is no moment in which a client gets nothing; and since a newer list than the master's is never recorded
// and never replaced, none in which it gets something older. What must go is removed later, by name, when everything
// that belongs is there.
package adopt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/publish"
)

// A Class says what an object is to the master. The texts are API.
type Class string

// The classes, the worst first.
const (
	Foreign Class = "foreign" // a checkpoint that is not of this master's log: the target belongs to somebody else
	Newer   Class = "newer"   // a list that the master does not have yet
	Secret  Class = "secret"  // a private key, or a record that must never be public
	Unread  Class = "unread"  // it could not be read
	Alias   Class = "alias"   // an artifact under a name that the configuration does not have
	Accept  Class = "accept"  // it is of this CA, and the master does not have it
	Remove  Class = "remove"  // it must go
	Unknown Class = "unknown"
	Replace Class = "replace" // the next sync puts the master's bytes in its place
	Known   Class = "known"   // the master's bytes under their own name
)

// A Meaning is what a class stands for, in both languages.
type Meaning struct {
	Class    Class
	Severity string // as in package verify
	JA, EN   string
	DoJA, Do string
}

var meanings = []Meaning{
	{Foreign, "critical", "別の台帳のチェックポイントがある", "it holds the checkpoint of another log", "公開先の設定を確認する。引き継いではならない",
		"check the target's name; it must not be taken over"},
	{Newer, "critical", "正本より新しい失効リストがある", "a list that is newer than the master's",
		"署名室で受け入れてから再実行する（signer import --crl、独自のソフトウェアを持つ認証局は signer accept）",
		"let the signing room take it in first (signer import --crl, or signer accept for a CA with its own " +
			"software), then run this again"},
	{Secret, "critical", "秘密鍵など公開してはならないものがある", "a private key, or a record that must never be public",
		"直ちに削除し（--remove）、鍵の危殆化として対処する", "remove it at once (--remove) and treat the key as compromised"},
	{Unread, "error", "読み取れない", "it could not be read", "権限と公開先の状態を確認し再実行する",
		"check the permissions and run this again"},
	{Alias, "warning", "正本にあるものが、設定にない名前で公開されている",
		"an artifact of the master under a name that the configuration does not have",
		"下記の names を設定に加える。加えなければ更新されなくなる", "add the lines below to names; otherwise nothing renews it from now on"},
	{Accept, "warning", "この認証局のものだが正本にない", "it is of this CA, and the master does not have it",
		"署名室で signer accept --file により受け入れる", "let the signing room take it in: signer accept --file"},
	{Remove, "warning", "公開してはならない、または不要なもの", "it must go", "引き継ぎの後に --remove で名前を挙げて削除する",
		"remove it by name (--remove) after the takeover"},
	{Unknown, "warning", "何であるか分からない", "nobody knows what it is", "担当者が判断し、不要なら --remove で削除する",
		"look at it; when it is not needed, remove it by name (--remove)"},
	{Replace, "note", "次回の公開処理が正本の内容に置き換える", "the next sync puts the master's bytes in its place",
		"publisher sync を実行する", "run publisher sync"},
	{Known, "note", "正本と同一である", "the master's bytes under their own name", "", ""},
}

// Meanings returns the table of the classes, the worst first.
func Meanings() []Meaning { return slices.Clone(meanings) }

func meaningOf(c Class) Meaning {
	return meanings[slices.IndexFunc(meanings, func(m Meaning) bool { return m.Class == c })]
}

// An Object is one object of the target.
type Object struct {
	Name     string          `json:"name"`
	Class    Class           `json:"class"`
	Severity string          `json:"severity"`
	Kind     artifact.Kind   `json:"kind"`
	Digest   artifact.Digest `json:"sha256"`
	Size     int64           `json:"size"`
	Artifact string          `json:"artifact,omitempty"` // the public name of the master that it is, was, or becomes
	Detail   string          `json:"detail,omitempty"`

	etag, version             string
	contentType, cacheControl string // empty where the store keeps none
}

// Schema is the version of the report's JSON.
const Schema = "seihon/adopt/v1"

// A Report is what a look at a target found.
type Report struct {
	Schema   string        `json:"schema"`
	Target   string        `json:"target"`
	Made     time.Time     `json:"made"`
	Bytes    int64         `json:"bytes"`
	Counts   map[Class]int `json:"counts"`
	Objects  []Object      `json:"objects"` // the worst first, then by name
	Names    []Names       `json:"names"`   // for the configuration: what it has and what it should have
	Recorded int           `json:"recorded"`
	Removed  []string      `json:"removed"`
}

// Names are the aliases of one artifact, as they are written in the configuration.
type Names struct {
	Artifact string   `json:"artifact"`
	Aliases  []string `json:"aliases"`
}

// Stops reports whether something forbids to take over: the target is somebody else's, or knows more than the master.
func (r *Report) Stops() bool { return r.Counts[Foreign]+r.Counts[Newer]+r.Counts[Unread] > 0 }

// Clean reports whether nothing is left to do but to sync.
func (r *Report) Clean() bool { return r.Counts[Known]+r.Counts[Replace] == len(r.Objects) }

// Config is all that a look needs.
type Config struct {
	Target  string
	Store   publish.Store // must be able to list
	Master  *ledger.Log
	Trust   *artifact.Trust // of the pinned anchors and the CAs below them
	Aliases public.Aliases
	Now     func() time.Time
	Workers int                     // default 16
	Told    func(done, bytes int64) // of progress; may be nil
}

// Look reads the target and judges every object. It writes nothing.
func Look(ctx context.Context, c Config) (*Report, error) {
	lister, ok := c.Store.(publish.Lister)
	if !ok {
		return nil, fmt.Errorf("looking at target %q: its store cannot list", c.Target)
	}
	m, err := readMaster(ctx, c)
	if err != nil {
		return nil, err
	}
	r := &Report{Schema: Schema, Target: c.Target, Made: c.Now().UTC().Truncate(time.Second), Counts: map[Class]int{},
		Removed: []string{}, Objects: []Object{}}
	var done, bytes atomic.Int64
	found := make(chan Object)
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for o := range found {
			r.Objects = append(r.Objects, o)
		}
	}()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(c.Workers, 16))
	var listing error
	for l, err := range lister.List(gctx, "") {
		if err != nil {
			listing = fmt.Errorf("listing target %q: %w", c.Target, err)
			break
		}
		g.Go(func() error {
			o := c.read(gctx, m, l)
			found <- o
			if c.Told != nil {
				c.Told(done.Add(1), bytes.Add(o.Size))
			}
			return gctx.Err()
		})
	}
	err = errors.Join(listing, g.Wait())
	close(found)
	<-collected
	if err != nil {
		return nil, err
	}
	r.finish(c)
	return r, nil
}

// finish orders and counts what was found.
func (r *Report) finish(c Config) {
	rank := func(class Class) int {
		return slices.IndexFunc(meanings, func(m Meaning) bool { return m.Class == class })
	}
	slices.SortFunc(r.Objects,
		func(a, b Object) int { return cmp.Or(rank(a.Class)-rank(b.Class), strings.Compare(a.Name, b.Name)) })
	all := slices.Clone(c.Aliases)
	for i := range r.Objects {
		o := &r.Objects[i]
		o.Severity = meaningOf(o.Class).Severity
		r.Counts[o.Class]++
		r.Bytes += o.Size
		if o.Class == Alias {
			all = append(all, public.Alias{Name: o.Name, Artifact: o.Artifact})
		}
	}
	r.Names = []Names{}
	for _, a := range public.NewAliases(all) {
		i := slices.IndexFunc(r.Names, func(n Names) bool { return n.Artifact == a.Artifact })
		if i < 0 {
			i, r.Names = len(r.Names), append(r.Names, Names{Artifact: a.Artifact})
		}
		r.Names[i].Aliases = append(r.Names[i].Aliases, written(a.Name))
	}
	slices.SortFunc(r.Names, func(a, b Names) int { return strings.Compare(a.Artifact, b.Artifact) })
}

// written is how an object's name is written in the configuration: what ParseAlias would take for something else is
// encoded.
func written(name string) string {
	return strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23").Replace(name)
}

// maxRead bounds what is read of one object to judge it.
const maxRead = 256 << 20

// read reads and judges one object.
func (c Config) read(ctx context.Context, m *master, l publish.Listed) Object {
	o := Object{Name: l.Name, Size: max(l.Size, 0)}
	b, err := c.fetch(ctx, &o)
	if err != nil {
		o.Class, o.Detail = Unread, err.Error()
		if why := junk(l.Name); why != "" && errors.Is(err, publish.ErrNotFound) {
			o.Class, o.Detail = Remove, why
		}
		return o
	}
	m.judge(ctx, &o, b)
	return o
}

func (c Config) fetch(ctx context.Context, o *Object) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	r, err := c.Store.Get(ctx, o.Name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxRead+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxRead:
		return nil, fmt.Errorf("it has more than %d bytes", maxRead)
	case r.Size >= 0 && int64(len(b)) != r.Size:
		return nil, fmt.Errorf("%d bytes arrived of %d", len(b), r.Size)
	}
	o.Size, o.Digest, o.etag, o.version = int64(len(b)), artifact.Sum(b), r.ETag, r.Version
	o.contentType, o.cacheControl = r.ContentType, r.CacheControl
	return b, nil
}
