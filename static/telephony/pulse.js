// The desk's heartbeat. A worker's timer goes on at its pace in a tab that nobody looks at; the page's own would be
// slowed to once a minute there, and offers would come late to an agent who works in another tab.
setInterval(() => postMessage("beat"), 800);
