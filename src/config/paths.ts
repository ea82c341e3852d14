/** Paths that two programs may read differently. */
import { choice, optionalSection } from "./leaf.ts";

export const paths = optionalSection(
  {
    encodedSlash: choice(["refuse", "pass"], {
      default: "refuse",
      why: "What happens to `%2F` and `%5C` within a path. Refused, because upstreams disagree on whether they part segments, and a route could be passed by. `pass` treats them as part of their segment; choose it only when every upstream does too.",
    }),
    emptySegments: choice(["refuse", "pass"], {
      default: "refuse",
      why: "What happens to `//` within a path. Refused, because some upstreams merge slashes and others do not. `pass` treats an empty segment as one that only `*` matches.",
    }),
  },
  "Paths that two programs may read differently. Dot segments and encoded control bytes are always refused.",
);
