// Evaluates expressions on scraped metrics with Prometheus' own parser, store and engine.
//
// Reads one JSON document from standard input and writes one to standard output:
//
//	{"scrapes": [{"at": SECONDS, "labels": {"job": "gateway"}, "text": "..."}], "at": SECONDS, "queries": ["..."]}
//	[{"error": "", "names": ["metric"], "result": [{"labels": {}, "value": "1"}]}]
//
// Scrapes are in the text format and in order of time. The whole server is not built: the modules of
// its service discovery are many, and not all of them can be had.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

type scrape struct {
	At     float64           `json:"at"`
	Labels map[string]string `json:"labels"`
	Text   string            `json:"text"`
}

type order struct {
	Scrapes []scrape `json:"scrapes"`
	At      float64  `json:"at"`
	Queries []string `json:"queries"`
}

type sample struct {
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"`
}

type answer struct {
	Error  string   `json:"error"`
	Names  []string `json:"names"`
	Result []sample `json:"result"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		os.Stderr.WriteString("evaluate: " + err.Error() + "\n")
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var wanted order
	if err := json.NewDecoder(in).Decode(&wanted); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "evaluate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	database, err := tsdb.Open(folder, nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		return err
	}
	defer database.Close()
	for _, one := range wanted.Scrapes {
		if err := store(database, one); err != nil {
			return err
		}
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	defer engine.Close()
	answers := make([]answer, 0, len(wanted.Queries))
	for _, query := range wanted.Queries {
		answers = append(answers, evaluate(engine, database, query, moment(wanted.At)))
	}
	return json.NewEncoder(out).Encode(answers)
}

func moment(seconds float64) time.Time {
	return time.UnixMilli(int64(seconds * 1000))
}

func store(database *tsdb.DB, one scrape) error {
	symbols := labels.NewSymbolTable()
	reading, err := textparse.New([]byte(one.Text), "text/plain", symbols, textparse.ParserOptions{})
	if err != nil {
		return err
	}
	appender := database.Appender(context.Background())
	for {
		entry, err := reading.Next()
		if errors.Is(err, io.EOF) {
			return appender.Commit()
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, value := reading.Series()
		var found labels.Labels
		reading.Labels(&found)
		builder := labels.NewBuilder(found)
		for name, content := range one.Labels {
			builder.Set(name, content)
		}
		if _, err := appender.Append(0, builder.Labels(), moment(one.At).UnixMilli(), value); err != nil {
			return err
		}
	}
}

func evaluate(engine *promql.Engine, database *tsdb.DB, query string, at time.Time) answer {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return answer{Error: err.Error()}
	}
	found := answer{Names: names(parsed), Result: []sample{}}
	prepared, err := engine.NewInstantQuery(context.Background(), database, nil, query, at)
	if err != nil {
		return answer{Error: err.Error()}
	}
	defer prepared.Close()
	result := prepared.Exec(context.Background())
	if result.Err != nil {
		return answer{Error: result.Err.Error()}
	}
	switch value := result.Value.(type) {
	case promql.Vector:
		for _, one := range value {
			found.Result = append(found.Result, sample{one.Metric.Map(), strconv.FormatFloat(one.F, 'g', -1, 64)})
		}
	case promql.Scalar:
		found.Result = append(found.Result, sample{nil, strconv.FormatFloat(value.V, 'g', -1, 64)})
	}
	return found
}

func names(expression parser.Expr) []string {
	seen := map[string]bool{}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if selector, is := node.(*parser.VectorSelector); is {
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name == labels.MetricName && matcher.Type == labels.MatchEqual {
					seen[matcher.Value] = true
				}
			}
		}
		return nil
	})
	all := make([]string, 0, len(seen))
	for name := range seen {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}
